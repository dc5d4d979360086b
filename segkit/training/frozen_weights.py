"""A frozen backbone with random weights: it can learn nothing, so it is most likely a mistake."""

from collections.abc import Iterator

from segkit.config import Config
from segkit.config.schema import part_settings
from segkit.registries import BACKBONES


def frozen_at_random(config: Config) -> Iterator[str]:
    """Yields a line if the config freezes a backbone without loading weights of it.

    Example:
        >>> from segkit.config import load_config
        >>> for line in frozen_at_random(load_config("configs/quickstart.yaml", ["model.backbone.frozen=true"])):
        ...     print(line)
        model.backbone: frozen with random weights, which say little about an image. Set pretrained or weights, or \
init_from
    """
    part = config.experiment.model.get("backbone")
    if not isinstance(part, dict) or not part.get("frozen") or config.experiment.init_from is not None:
        return
    # A backbone that has neither setting loads its weights in a way of its own, or has none to load.
    sources = [
        name for name in ("pretrained", "weights") if name in part_settings(BACKBONES, BACKBONES.get(part["type"]))
    ]
    if sources and not any(part.get(name) for name in sources):
        yield (
            "model.backbone: frozen with random weights, which say little about an image. "
            f"Set {' or '.join(sources)}, or init_from"
        )
