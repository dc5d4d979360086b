"""What ids in label files mean, and explanations of classes that never occur."""

import numpy as np
import pytest

from segkit.classes import Classes
from segkit.config import load_config
from segkit.datasets._label_ids import class_index_table, explain_void
from segkit.errors import ConfigError
from segkit.types import NO_SEGMENT


def explain(names, pixels, label_map=None, void=None):
    """The explanation for a dataset with `pixels`, id -> number of pixels."""
    classes, table = class_index_table(Classes.make(names, [False] * len(names)), label_map, void)
    counts = np.zeros(65536, dtype=np.int64)
    counts[list(pixels)] = list(pixels.values())
    return explain_void(classes, table, counts)


def test_an_object_stored_as_255():
    assert explain(["background", "object"], {0: 60, 255: 40}) == (
        "no pixel has the id 1 (object), and 40 % have the id 255, which is void. If 255 is object, set void: [] and "
        "label_map: {0: background, 255: object}."
    )


def test_an_object_stored_as_255_as_the_only_class():
    assert explain(["object"], {0: 60, 255: 40}) == (
        "all pixels have the id 0 (object), the only class, except 40 % with the id 255, which is void: there is "
        "nothing to tell apart. If 255 is object and 0 the background, set classes: [background, object], void: [] and "
        "label_map: {0: background, 255: object}."
    )


def test_a_background_that_was_declared_void():
    assert explain(["background", "object"], {0: 999, 1: 1}, void=0, label_map={"1": "object"}) == (
        "no pixel has the id 2 (background), and 99.9 % have the id 0, which is void. If 0 is background, set void: [] "
        "and label_map: {0: background, 1: object}."
    )


def test_several_absent_classes():
    assert explain(["a", "b", "c"], {0: 1, 255: 1}) == (
        "no pixel has the id 1 (b), 2 (c), and 50 % have the id 255, which is void. If 255 is one of these classes, "
        "say so in 'label_map'."
    )


@pytest.mark.parametrize(
    ("names", "pixels", "settings"),
    [
        (["background", "object"], {0: 60, 1: 40}, {}),
        (["background", "object"], {0: 60, 1: 30, 255: 10}, {}),
        (["background", "object"], {0: 100}, {}),  # absent, but nothing that could be it
        (["background", "object"], {0: 60, 255: 40}, {"void": [], "label_map": {"0": "background", "255": "object"}}),
    ],
)
def test_nothing_odd(names, pixels, settings):
    assert explain(names, pixels, **settings) == ""


@pytest.mark.parametrize(("void", "index"), [(None, NO_SEGMENT), ([], -2), ([0], -2), (255, NO_SEGMENT)])
def test_an_empty_list_of_void_ids_is_none(void, index):
    _, table = class_index_table(Classes.make(["a", "b"], ids=[1, 2]), None, void)
    assert table[255] == index


def test_the_explained_settings_read_the_object():
    label_map: dict[str, int | str] = {"0": "background", "255": "object"}
    for void in ([], None):
        classes, table = class_index_table(Classes.make(["background", "object"]), label_map, void)
        assert classes.ids == (0, 255)
        assert table[[0, 255]].tolist() == [0, 1]


def test_void_ids_of_the_class_list_count_unless_the_settings_say_otherwise():
    classes = Classes.make(["road", "car"], ids=[7, 26], void=[0, 4])
    _, table = class_index_table(classes, None, None)
    assert table[[0, 4, 7, 255]].tolist() == [NO_SEGMENT, NO_SEGMENT, 0, -2]
    _, table = class_index_table(classes, None, [255])
    assert table[[0, 255]].tolist() == [-2, NO_SEGMENT]
    _, table = class_index_table(classes, {"0": "car"}, None)
    assert table[[0, 4]].tolist() == [1, NO_SEGMENT]


@pytest.mark.parametrize("kind", ["mask_folder", "instance_folder"])
@pytest.mark.parametrize(
    ("void", "line"),
    [("-1", "void: must be at least 0, not -1."), ("[0, 65536]", "void.1: must be at most 65535, not 65536.")],
)
def test_void_ids_that_no_file_can_hold_are_refused_before_a_file_is_read(kind, void, line):
    dataset = f"{{type: {kind}, images: a, labels: b, classes: [c], void: {void}}}"
    with pytest.raises(ConfigError) as caught:
        load_config("configs/quickstart.yaml", [f"data.train.dataset={dataset}"])
    assert str(caught.value) == f"<command line>: data.train.dataset.{line}"
