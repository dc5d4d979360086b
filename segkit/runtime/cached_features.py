"""A frozen module whose features are computed once for each input and kept on disk.

The key is a digest of the very input of the module, after transforms, padding and normalization. So nothing is assumed
about which augmentations the module commutes with: what has the same pixels is found, everything else is computed.
"""

import hashlib
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from segkit.errors import RegistryError
from segkit.runtime.feature_store import FeatureStore

_OF_EVERY_MODULE = {*vars(nn.Module()), "forward"}
"""Attributes that say nothing about what a module computes."""


class CachedForward:
    """The forward pass of a frozen module: reads features, or computes and keeps them.

    Features are rounded to bfloat16, whether they were read or computed, and each image is computed alone. So what a
    model learns does not depend on what is in the store.

    Args:
        module: Takes images (B,C,H,W) and returns a list of maps (B,Ci,Hi,Wi).
        store: Where the features are kept.
    """

    def __init__(self, module: nn.Module, store: FeatureStore) -> None:
        self.store = store
        self._owner = type(module).__name__
        self._plain: Any = module.forward

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def __call__(self, images: Tensor) -> list[Tensor]:
        each = [self._features(image) for image in torch.split(images, 1)]
        return [torch.cat(maps) for maps in zip(*each, strict=True)]

    def _features(self, image: Tensor) -> list[Tensor]:
        key = key_of(image)
        features = self.store.read(key)
        if features is None:
            computed = self._plain(image)
            self._require_maps(computed)
            self.store.write(key, computed)
            features = [one.bfloat16().to(one.dtype).contiguous() for one in computed]
        return [one.to(image.device, non_blocking=True) for one in features]

    def _require_maps(self, computed: object) -> None:
        maps = isinstance(computed, Sequence) and all(isinstance(one, Tensor) and len(one) == 1 for one in computed)
        if not maps:
            raise RegistryError(
                f"hook 'feature_cache': the frozen {self._owner} returns no list of maps with a row for each image. "
                "See the contract, segkit.registries.PartlyFrozenBackbone."
            )


def cache_features(module: nn.Module, store: FeatureStore) -> None:
    """Lets a frozen module keep its features in a store.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from segkit.backbones.timm import TimmBackbone
        >>> backbone = TimmBackbone(name="resnet10t").eval()
        >>> store = FeatureStore(Path(tempfile.mkdtemp()), name_of_features(backbone), 10**6)
        >>> cache_features(backbone, store)
        >>> first, second = backbone(torch.ones(1, 3, 32, 32)), backbone(torch.ones(2, 3, 32, 32))
        >>> store.found, store.missed, second[0][1:].equal(first[0])
        (2, 1, True)
    """
    # As `segkit.runtime.compilation` does: a module calls `self.forward`, and the names of its tensors stay.
    module.forward = CachedForward(module, store)


def key_of(image: Tensor) -> str:
    """Returns a digest of an image (1,C,H,W) and of the precision that features are computed in.

    Example:
        >>> key_of(torch.zeros(1, 3, 2, 2)) == key_of(torch.zeros(1, 3, 2, 2))
        True
        >>> key_of(torch.zeros(1, 3, 2, 2)) == key_of(torch.zeros(1, 3, 1, 4))
        False
    """
    kind = image.device.type
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    digest = hashlib.blake2b(f"{tuple(image.shape)} {image.dtype} {kind} {precision}".encode(), digest_size=16)
    digest.update(_bytes_of(image))
    return digest.hexdigest()


def name_of_features(module: nn.Module) -> str:
    """Returns a name for the features of a module: a digest of all that they follow from, besides the images.

    That is its tensors, the classes and plain attributes of all modules in it, and the versions of their packages.

    Example:
        >>> module = nn.Conv2d(3, 3, 1)
        >>> before = name_of_features(module)
        >>> module.padding = (1, 1)
        >>> name_of_features(module) == before
        False
    """
    digest = hashlib.blake2b(digest_size=8)
    packages = {type(inner).__module__.partition(".")[0] for inner in module.modules()} | {"torch"}
    digest.update(repr([(package, _version(package)) for package in sorted(packages)]).encode())
    for name, inner in module.named_modules():
        attributes = {key: _described(value) for key, value in vars(inner).items() if key not in _OF_EVERY_MODULE}
        digest.update(f"{name} {type(inner).__module__}.{type(inner).__qualname__} {attributes}".encode())
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # a file of the user's
        return None


def _described(value: object) -> str:
    if hasattr(value, "__qualname__"):  # a function or class
        return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
    text = repr(value)
    return type(value).__qualname__ if " at 0x" in text else text  # an address differs from run to run


def _bytes_of(tensor: Tensor) -> Any:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
