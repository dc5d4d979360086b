"""All cases, in the order of the table."""

from collections.abc import Sequence
from functools import partial

from benchmarking.case import Case
from benchmarking.evaluation import panoptic_quality
from benchmarking.file_to_file import file_to_file, many_files
from benchmarking.losses import all_layers, mask_losses, matching
from benchmarking.models import Backbone, forward, training
from benchmarking.postprocessing import instance, instance_coco, panoptic, semantic
from benchmarking.preprocessing import preprocessing
from segkit.errors import SegkitError, suggest


def _of_models(backbone: Backbone, forward_goal: float) -> list[Case]:
    return [
        Case(f"forward_{backbone}", partial(forward, backbone=backbone, precision="fp32"), forward_goal),
        Case(f"forward_{backbone}_bf16", partial(forward, backbone=backbone, precision="bf16"), 0.55),
        Case(f"training_{backbone}", partial(training, backbone=backbone, precision="fp32"), 0.5, 0.5),
        Case(f"training_{backbone}_bf16", partial(training, backbone=backbone, precision="bf16"), 0.33),
        Case(
            f"training_{backbone}_both_bf16",
            partial(training, backbone=backbone, precision="bf16", their_precision="bf16"),
        ),
    ]


CASES = [
    *_of_models("r50", forward_goal=0.92),
    *_of_models("swin_t", forward_goal=1.0),
    Case("mask_losses", mask_losses),
    Case("mask_losses_compiled", partial(mask_losses, compiled=True)),
    Case("matching", matching),
    Case("all_layers", all_layers, 0.2),
    Case("all_layers_compiled", partial(all_layers, compiled=True), 0.2),
    Case("preprocessing", preprocessing, 0.15),
    Case("preprocessing_expanded", partial(preprocessing, expanded=True)),
    Case("semantic", semantic, 0.25),
    Case("panoptic", panoptic, 0.25),
    Case("instance", instance, 0.25),
    Case("instance_coco", instance_coco, 0.25),
    Case("file_to_file", file_to_file, 0.6),
    Case("file_to_file_bf16", partial(file_to_file, precision="bf16"), 0.6),
    Case("many_files", many_files, 0.5),
    Case("many_files_bf16", partial(many_files, precision="bf16"), 0.5),
    Case("panoptic_quality", panoptic_quality, 0.5, peer="panopticapi"),
]


def chosen(names: Sequence[str], against: str = "transformers", known: Sequence[Case] | None = None) -> list[Case]:
    """Returns the cases of the given names, among those of `known` that are compared with the program `against`.

    A name that is not the name of a case stands for all cases that begin with it. No names stand for all cases.

    Raises:
        SegkitError: A name stands for no case.
    """
    known = CASES if known is None else known
    cases = [case for case in known if case.peer == against]
    wanted: set[str] = set()
    for name in names:
        meant = _meant(name, cases)
        if not meant:
            raise SegkitError(_unknown(name, cases, known, against))
        wanted.update(case.name for case in meant)
    return [case for case in cases if not names or case.name in wanted]


def _meant(name: str, cases: Sequence[Case]) -> list[Case]:
    exactly = [case for case in cases if case.name == name]
    return exactly or [case for case in cases if case.name.startswith(name)]


def _unknown(name: str, cases: Sequence[Case], known: Sequence[Case], against: str) -> str:
    """Returns the error message for a name that stands for none of `cases`."""
    others = _meant(name, known)
    if others:
        return f"--only: '{name}' is not compared with {against}; --against {others[0].peer} measures it."
    names = [case.name for case in cases]
    return f"--only: there is no case '{name}'.{suggest(name, names)} There are: {', '.join(names)}"
