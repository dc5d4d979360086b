"""Reads and writes MaskFormer checkpoints of Hugging Face transformers, without that package.

Supports `MaskFormerForInstanceSegmentation` with a Swin or ResNet backbone: a folder of `config.json`,
`preprocessor_config.json` and weights. "Their" and "theirs" in this folder mean transformers'.
"""

from segkit.interop.huggingface.reading import import_huggingface
from segkit.interop.huggingface.writing import write_huggingface

__all__ = ["import_huggingface", "write_huggingface"]
