"""Bad label files are drawn with the colors of the classes where they hold ids of classes."""

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_dataset
from segkit.config.sections import Split
from segkit.errors import DataError
from segkit.inspection.label_drawing import draw_label_file

RED, BLUE = (200, 10, 10), (10, 10, 200)


@pytest.fixture
def write(tmp_path):
    """Writes a dataset of one image, whose labels are stripes of ids."""

    def make(ids, **settings):
        for part in ("images", "labels"):
            (tmp_path / part).mkdir()
        Image.new("RGB", (400, 300)).save(tmp_path / "images/a.png")
        stripes = np.repeat(np.array(ids, dtype=np.uint8), 300 // len(ids))[:, None].repeat(400, 1)
        Image.fromarray(stripes).save(tmp_path / "labels/a.png")
        (tmp_path / "classes.csv").write_text("name,id,r,g,b\nsky,7,200,10,10\nsea,26,10,10,200\n")
        settings = {"type": "mask_folder", "classes": f"{tmp_path}/classes.csv", **settings}
        settings |= {"images": f"{tmp_path}/images", "labels": f"{tmp_path}/labels"}
        return tmp_path / "labels/a.png", build_dataset(Split(dataset=settings))

    return make


def shown(drawn, ids):
    """The color of each stripe, at its left border."""
    return [tuple(np.asarray(drawn)[round((place + 0.5) * 300 / len(ids)), 0]) for place in range(len(ids))]


def test_classes_have_their_colors_and_other_ids_further_ones(write):
    ids = [7, 26, 0, 9]
    sky, sea, *others = shown(draw_label_file(*with_index(write(ids))), ids)
    assert (sky, sea) == (RED, BLUE)
    assert len({sky, sea, *others}) == 4


def test_many_other_ids_share_a_color(write):
    ids = [7, *range(100, 119)]
    assert len(set(shown(draw_label_file(*with_index(write(ids))), ids))) == 1 + 12 + 1


def test_numbers_of_instances_are_no_classes(write):
    ids = [0, 7, 26]
    colors = shown(draw_label_file(*with_index(write(ids, type="instance_folder", classes=["person"]))), ids)
    assert len(set(colors)) == 3
    assert RED not in colors


def test_a_file_without_ids_is_refused(write):
    file, dataset = write([7, 26])
    Image.new("RGB", (400, 300), RED).save(file)
    with pytest.raises(DataError, match="colors are no ids"):
        draw_label_file(file, 0, dataset)


def with_index(written):
    file, dataset = written
    return file, 0, dataset
