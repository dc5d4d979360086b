"""Contract checks for parts, one per kind. segkit's own tests and those of plugins call the same ones.

Each check takes a built part, or a function that builds one from what segkit supplies. It raises an AssertionError that
says what the part did, what the contract asks for, and what to do. The head of each file lists what is checked.

    from segkit.testing import check_backbone, check_pixel_decoder

    def test_my_backbone():
        check_backbone(MyBackbone(depth=18))

    def test_my_pixel_decoder():
        check_pixel_decoder(MyPixelDecoder)  # or: lambda features: MyPixelDecoder(features, hidden_dim=32)
"""

from segkit.testing.backbone import check_backbone
from segkit.testing.checkpoint_format import check_checkpoint_format
from segkit.testing.dataset import check_dataset
from segkit.testing.evaluator import check_evaluator
from segkit.testing.hook import check_hook
from segkit.testing.loss import check_loss
from segkit.testing.matcher import check_matcher
from segkit.testing.model import check_model
from segkit.testing.optimizer import check_optimizer
from segkit.testing.pixel_decoder import check_pixel_decoder
from segkit.testing.postprocessor import check_postprocessor
from segkit.testing.schedule import check_schedule
from segkit.testing.transform import check_transform
from segkit.testing.transformer_decoder import check_transformer_decoder

__all__ = [
    "check_backbone",
    "check_checkpoint_format",
    "check_dataset",
    "check_evaluator",
    "check_hook",
    "check_loss",
    "check_matcher",
    "check_model",
    "check_optimizer",
    "check_pixel_decoder",
    "check_postprocessor",
    "check_schedule",
    "check_transform",
    "check_transformer_decoder",
]
