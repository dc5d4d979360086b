"""Everything that is measured, in the order of the table."""

from collections.abc import Sequence
from functools import partial

from segkit.benchmark.case import Case
from segkit.benchmark.losses import all_layers, mask_losses, matching
from segkit.benchmark.models import Backbone, file_to_file, forward, training
from segkit.benchmark.postprocessing import instance, instance_coco, panoptic, semantic
from segkit.benchmark.preprocessing import preprocessing
from segkit.errors import SegkitError, suggest


def _of_models(backbone: Backbone) -> list[Case]:
    return [
        Case(f"forward_{backbone}", partial(forward, backbone=backbone, precision="fp32"), 1.0),
        Case(f"forward_{backbone}_bf16", partial(forward, backbone=backbone, precision="bf16"), 0.55),
        Case(f"training_{backbone}", partial(training, backbone=backbone, precision="fp32"), 0.5, 0.5),
        Case(f"training_{backbone}_bf16", partial(training, backbone=backbone, precision="bf16"), 0.33),
        Case(
            f"training_{backbone}_both_bf16",
            partial(training, backbone=backbone, precision="bf16", their_precision="bf16"),
        ),
    ]


CASES = [
    *_of_models("r50"),
    *_of_models("swin_t"),
    Case("mask_losses", mask_losses),
    Case("matching", matching),
    Case("all_layers", all_layers, 0.2),
    Case("preprocessing", preprocessing, 0.15),
    Case("semantic", semantic, 0.25),
    Case("panoptic", panoptic, 0.25),
    Case("instance", instance, 0.25),
    Case("instance_coco", instance_coco, 0.25),
    Case("file_to_file", file_to_file, 0.7),
]


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these names; a name that is no case's means all that begin with it. All cases where there is none.

    Raises SegkitError where a name means nothing.
    """
    wanted: set[str] = set()
    for name in names:
        meant = [case.name for case in CASES if case.name == name]
        meant = meant or [case.name for case in CASES if case.name.startswith(name)]
        if not meant:
            known = [case.name for case in CASES]
            raise SegkitError(f"--only: there is no case '{name}'.{suggest(name, known)} There are: {', '.join(known)}")
        wanted.update(meant)
    return [case for case in CASES if not names or case.name in wanted]
