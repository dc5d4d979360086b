"""MaskFormer checkpoints of Hugging Face transformers, read and written without that package.

What is read and written is `MaskFormerForInstanceSegmentation` with a Swin or ResNet backbone: its folder of
`config.json`, `preprocessor_config.json` and weights.
"""

from segkit.interop.huggingface.reading import Imported, import_huggingface
from segkit.interop.huggingface.writing import export_huggingface

__all__ = ["Imported", "export_huggingface", "import_huggingface"]
