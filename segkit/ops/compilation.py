"""What is told where something that was to be compiled has to do without."""

import warnings


def warn_uncompiled(what: str, error: Exception, stacklevel: int) -> None:
    """Warns that `what` has happened, and names its cause; `stacklevel` counts from the caller."""
    cause = next((line for line in str(error).splitlines() if line.strip()), "no reason is given")
    warnings.warn(f"{what}: {type(error).__name__}: {cause}", stacklevel=stacklevel + 1)
