"""Error messages about checkpoint formats."""

import sys
from dataclasses import replace

import pytest

from segkit.checkpoint_formats.huggingface_mask_former import HuggingFaceMaskFormer
from segkit.runtime.checkpoint_source import CheckpointSource
from segkit.testing import check_checkpoint_format
from tests.helpers.contract_errors import error_message
from tests.helpers.huggingface_cases import write_theirs

# The formats below have this name of a module, which does not exist, so that no other process imports it.
NO_MODULE = "a_notebook"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "theirs"
    write_theirs(folder, "resnet18")
    return folder


def made(name="Odd", **members):
    """Returns a format like HuggingFaceMaskFormer with other members."""
    return type(name, (HuggingFaceMaskFormer,), {"__module__": NO_MODULE, **members})()


def reading(**changes):
    """Returns `read` with other fields of what it reads."""

    def read(self, source, *, things=None):
        return replace(HuggingFaceMaskFormer.read(self, source, things=things), **changes)

    return read


def untold(self, source, *, things=None):
    imported = HuggingFaceMaskFormer.read(self, source, things=things)
    imported.report.missing.append("head.weight")
    return imported


def training(self, source, *, things=None):
    imported = HuggingFaceMaskFormer.read(self, source, things=things)
    imported.model.train()
    return imported


def other_weights(self, model, config, classes, folder):
    next(model.parameters()).data.add_(1)
    notes = HuggingFaceMaskFormer.write(self, model, config, classes, folder)
    next(model.parameters()).data.sub_(1)
    return notes


def other_names(self, model, config, classes, folder):
    names = tuple(f"{name}!" for name in classes.names)
    return HuggingFaceMaskFormer.write(self, model, config, replace(classes, names=names), folder)


MESSAGES = {
    "empty": (
        made(looks_for=" "),
        "checkpoint format Odd publishes an empty `looks_for`. Say in words what it recognizes a checkpoint by.",
    ),
    "never": (
        made(recognizes=lambda self, source: False),
        "checkpoint format Odd does not recognize the sample {sample}. Recognize it, or give another.",
    ),
    "always": (
        made(recognizes=lambda self, source: True),
        "checkpoint format Odd recognizes an empty folder, which is no such checkpoint. Look at more of "
        "`source.config` or `source.tensor_names`.",
    ),
    "maybe": (
        made(recognizes=lambda self, source: "yes"),
        "checkpoint format Odd answers 'yes' for {sample}. Return True or False.",
    ),
    "failing": (
        made(recognizes=lambda self, source: source.config["model_type"] == "maskformer"),
        "its end is compared below",
    ),
    "no config": (
        made(read=reading(config={"model": {}})),
        "checkpoint format Odd reads config = dict. Return an Imported with a Config there.",
    ),
    "training": (
        made(read=training),
        "checkpoint format Odd reads a model in training mode. Call its eval().",
    ),
    "missing": (
        made(read=untold),
        "checkpoint format Odd reads a model that lacks tensors: {loaded} tensors loaded; 1 only in the model, "
        "unchanged: head.weight; 1 only in the file, not used: criterion.empty_weight. Raise CheckpointError where one "
        "is missing or does not fit.",
    ),
    "note": (
        made(read=reading(notes=["All is well."])),
        "checkpoint format Odd gives the note 'All is well.'. Write a sentence without a period at the end.",
    ),
    "no notes": (
        made(write=lambda self, *given: HuggingFaceMaskFormer.write(self, *given) or None),
        "checkpoint format Odd returns None from `write`. Return a list of notes; it may be empty.",
    ),
    "nothing written": (
        made(write=lambda self, *given: []),
        "checkpoint format Odd does not recognize what it wrote. Write all it looks for.",
    ),
    "other weights": (
        made(write=other_weights),
        "checkpoint format Odd reads other tensors from what it wrote. Write every tensor as it is, bit by bit.",
    ),
    "other names": (
        made(write=other_names),
        "checkpoint format Odd reads the classes sky!, road!, car! from what it wrote, instead of sky, road, car. "
        "Write the names.",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_error_message(case, sample):
    part, message = MESSAGES[case]
    found = error_message(check_checkpoint_format, part, sample)
    if case == "failing":
        assert found.startswith("checkpoint format Odd fails when it is asked whether it recognizes ")
        assert found.endswith("an empty folder: KeyError: 'model_type'")
    elif case == "missing":
        loaded = len(part.read(CheckpointSource(sample)).report.loaded)
        assert found == message.format(loaded=loaded)
    else:
        assert found == message.format(sample=sample)


def test_a_module_that_loads_torch(sample, tmp_path, monkeypatch):
    (tmp_path / "slow_format.py").write_text("import torch\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert error_message(check_checkpoint_format, made(__module__="slow_format"), sample) == (
        "checkpoint format Odd loads torch, or fails, when its module slow_format is imported. Import what is slow "
        "inside `read` and `write`, since every installed format is asked about every source."
    )
    assert "slow_format" not in sys.modules


def test_a_good_one_passes(sample):
    check_checkpoint_format(HuggingFaceMaskFormer(), sample)
