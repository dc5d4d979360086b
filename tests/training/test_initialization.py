"""A new model starts from the tensors of a checkpoint, and the rows of its class head from classes by name."""

import pytest
import torch

from segkit.build import build_model
from segkit.checkpoint import save_checkpoint
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import CheckpointError, ConfigError
from segkit.training.class_axes import class_axes
from segkit.training.initialization import initialize_from
from tests.helpers.tiny import tiny_yaml

THEIRS = Classes.make(["sky", "road", "car", "truck"])
OURS = Classes.make(["car", "sky", "vehicle", "lorry", "bird"])
MAP = "class_map={vehicle: [car, truck], lorry: truck}"
HEAD = "transformer_decoder.class_head"
HEADS = {
    "mask_former": [f"{HEAD}.weight", f"{HEAD}.bias"],
    "per_pixel": ["classifier.weight", "classifier.bias"],
    "per_pixel with queries": ["transformer_decoder.query_positions.weight"],
}
"""The tensors with a row per class."""


def write(folder, name="mask_former", **replaced):
    text = tiny_yaml(name)
    if name == "per_pixel with queries":
        text = text.replace("num_queries: 8", "num_queries: classes")
    for old, new in replaced.items():
        text = text.replace(f"{old}: 16", f"{old}: {new}")
    (folder / "tiny.yaml").write_text(text)
    return folder / "tiny.yaml"


@pytest.fixture
def checkpoint(tmp_path):
    """Writes a checkpoint of a model and returns its folder and model."""

    def make(name="mask_former", classes=THEIRS):
        torch.manual_seed(0)
        config = load_config(write(tmp_path, name))
        model = build_model(config, classes, initial_weights=False)
        for parameter in model.parameters():  # biases begin as zeros, which would hide a wrong row
            torch.nn.init.normal_(parameter)
        save_checkpoint(tmp_path / "checkpoint", model, config, classes)
        return tmp_path / "checkpoint", model

    return make


def started(file, folder, classes, *overrides):
    """Returns a new model with its report, and the state that it had before."""
    config = load_config(file, [f"init_from={folder}", *overrides])
    torch.manual_seed(1)
    model = build_model(config, classes, initial_weights=False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return model, initialize_from(model, folder, config, classes), before


@pytest.mark.parametrize("name", HEADS)
def test_the_rows_of_each_class(checkpoint, tmp_path, name):
    folder, theirs = checkpoint(name)
    model, report, before = started(write(tmp_path, name), folder, OURS, MAP)
    assert sorted(class_axes(load_config(write(tmp_path, name)), OURS)) == sorted(HEADS[name])
    for tensor in HEADS[name]:
        there, here = theirs.state_dict()[tensor], model.state_dict()[tensor]
        assert torch.equal(here[0], there[2])  # car
        assert torch.equal(here[1], there[0])  # sky
        torch.testing.assert_close(here[2], (there[2] + there[3]) / 2)  # vehicle
        assert torch.equal(here[3], there[3])  # lorry
        assert torch.equal(here[4], before[tensor][4])  # bird
        assert torch.equal(here[5:], there[4:])  # no-object, where there is one
    rest = [key for key in before if key not in HEADS[name]]
    assert all(torch.equal(model.state_dict()[key], theirs.state_dict()[key]) for key in rest)
    assert report.complete
    assert str(report) == (
        f"{len(before)} tensors loaded; class head: 2 of 5 classes kept by name; vehicle is the mean of car, truck; "
        "lorry is truck; 1 new, initialized: bird; 1 not used: road"
    )


def test_the_same_classes_in_another_order(checkpoint, tmp_path):
    folder, theirs = checkpoint()
    ours = Classes.make(list(reversed(THEIRS.names)))
    model, report, _ = started(write(tmp_path), folder, ours)
    expected = theirs.state_dict()[f"{HEAD}.weight"][[3, 2, 1, 0, 4]]
    assert torch.equal(model.state_dict()[f"{HEAD}.weight"], expected)
    assert str(report).endswith("; class head: 4 of 4 classes kept by name")


def test_the_same_classes_are_not_mentioned(checkpoint, tmp_path):
    folder, _ = checkpoint()
    _, report, before = started(write(tmp_path), folder, THEIRS)
    assert str(report) == f"{len(before)} tensors loaded"


def test_a_class_starts_anew_with_an_empty_list(checkpoint, tmp_path):
    folder, _ = checkpoint()
    model, report, before = started(write(tmp_path), folder, THEIRS, "class_map={road: []}")
    assert torch.equal(model.state_dict()[f"{HEAD}.weight"][1], before[f"{HEAD}.weight"][1])
    assert str(report).endswith("class head: 3 of 4 classes kept by name; 1 new, initialized: road; 1 not used: road")


def test_no_common_class_is_an_error(checkpoint, tmp_path):
    folder, _ = checkpoint()
    with pytest.raises(CheckpointError) as caught:
        started(write(tmp_path), folder, Classes.make(["bus", "cat"]))
    assert str(caught.value) == (
        f"{folder}: has other classes (4 classes there, 2 here; only there: 'sky', 'road', 'car', 'truck'; only here: "
        "'bus', 'cat' (near 'car' there)), and none has the "
        f"name of a class here, so these tensors mean nothing: {HEAD}.bias, {HEAD}.weight. Name the classes that "
        "correspond in `class_map`, or initialize the tensors anew with --reset-head."
    )
    started(write(tmp_path), folder, Classes.make(["bus", "cat"]), "class_map={bus: truck}")


def test_unknown_names_are_told_together(checkpoint, tmp_path):
    folder, _ = checkpoint()
    with pytest.raises(ConfigError) as caught:
        started(write(tmp_path), folder, OURS, "class_map={vehicel: car, lorry: [truk, road]}")
    assert str(caught.value) == (
        "<command line>: class_map.vehicel: the dataset has no class 'vehicel'. Did you mean 'vehicle'? There are: "
        "car, sky, vehicle, lorry, bird\n"
        f"<command line>: class_map.lorry: {folder} has no class 'truk'. Did you mean 'truck'? There are: sky, road, "
        "car, truck"
    )


def test_a_class_named_twice_is_refused(checkpoint, tmp_path):
    folder, _ = checkpoint()
    with pytest.raises(ConfigError) as caught:
        started(write(tmp_path), folder, OURS, "class_map={lorry: [truck, car, truck]}")
    assert str(caught.value) == "<command line>: class_map.lorry: names 'truck' more than once. Name it once."


def test_a_map_without_effect_is_refused(checkpoint, tmp_path):
    folder, _ = checkpoint()
    for file, classes in ((write(tmp_path), THEIRS), (write(tmp_path, hidden_dim=32), OURS)):
        with pytest.raises(ConfigError) as caught:
            started(file, folder, classes, "class_map={car: car}")
        assert str(caught.value) == (
            f"<command line>: class_map: has no effect: {folder} has no class head that fits the model in all but its "
            "classes, or it has the same classes. Remove it."
        )


def test_reset_head_keeps_the_rest(checkpoint, tmp_path):
    folder, _ = checkpoint()
    model, report, before = started(write(tmp_path), folder, OURS, "reset_head=true")
    assert report.missing == [f"{HEAD}.weight", f"{HEAD}.bias"]
    assert not report.reshaped
    assert torch.equal(model.state_dict()[f"{HEAD}.weight"], before[f"{HEAD}.weight"])


def test_init_from_takes_what_fits(checkpoint, tmp_path):
    folder, _ = checkpoint()
    _, report, _ = started(write(tmp_path, mask_dim=24), folder, THEIRS)
    assert [entry.partition(":")[0] for entry in report.reshaped] == [
        "pixel_decoder.mask_features.bias",
        "pixel_decoder.mask_features.weight",
        "transformer_decoder.mask_head.4.bias",
        "transformer_decoder.mask_head.4.weight",
    ]
    assert not report.missing


def test_nothing_that_fits_is_an_error(checkpoint, tmp_path):
    from safetensors.torch import save_file

    folder, _ = checkpoint()
    save_file({"foreign": torch.zeros(2)}, folder / "model.safetensors")
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(CheckpointError, match="no tensor fits the model of"):
        started(write(tmp_path), folder, THEIRS)
