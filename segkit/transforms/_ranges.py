"""Ranges that transforms draw numbers from."""

from segkit.errors import ConfigError


def require_order(transform: str, names: tuple[str, str], least: float, most: float) -> None:
    """Checks that the lower bound of a range is not above the upper one.

    Args:
        transform: The name of the transform.
        names: The settings that hold the bounds.
        least: The lower bound.
        most: The upper bound.

    Raises:
        ConfigError: it is.

    Example:
        >>> require_order("random_scale", ("min_factor", "max_factor"), 0.5, 0.5)
    """
    if least > most:
        raise ConfigError(
            f"transform '{transform}': {names[0]}: {least} is more than {names[1]}, {most}. Exchange them."
        )
