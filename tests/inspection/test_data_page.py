"""The page of a check: it shows the findings, the classes and the worst images, in a browser too."""

import numpy as np
import pytest
from PIL import Image

from segkit.build import build_dataset
from segkit.config.sections import Split
from segkit.data.survey import survey_dataset
from segkit.data.survey_findings import Place, findings_of
from segkit.inspection.data_check import DataCheck
from segkit.inspection.data_page import draw_place, write_data_page
from tests.helpers.browser import screenshot

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def checked(tmp_path):
    """Seven images, of which one has an id of no class, one is no image, and five have a tiny segment."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for number in range(7):
        Image.new("RGB", (400, 300), RED if number else BLUE).save(tmp_path / f"images/{number}.png")
        ids = np.zeros((300, 400), dtype=np.uint8)
        ids[0, 0] = 1 if number else 9
        Image.fromarray(ids).save(tmp_path / f"labels/{number}.png")
    (tmp_path / "images/6.png").write_text("no image")
    settings = {"images": f"{tmp_path}/images", "labels": f"{tmp_path}/labels", "classes": ["<b>sky</b>", "sea"]}
    dataset = build_dataset(Split(dataset={"type": "mask_folder", **settings}))
    survey = survey_dataset(dataset)
    return DataCheck({"data.val": dataset}, {"data.val": survey}, findings_of("data.val", dataset, survey))


def test_everything_is_on_the_page(checked, tmp_path):
    write_data_page(tmp_path / "page.html", "Data of a.yaml", checked)
    text = (tmp_path / "page.html").read_text()
    assert "<p>data.val: 5 of 7 images: 2 of 2 classes" in text
    for finding in checked.findings:
        assert f"<td>{finding.level}</td><td>data.val</td>" in text
    assert "the ids 9 are neither a class nor void." in text
    assert "&lt;b&gt;sky&lt;/b&gt;" in text
    assert "<b>sky" not in text
    assert text.count("<img") == 1 + 4  # the label file of one, and four of five
    assert f"<td>{tmp_path}/images/5.png</td><td>tiny segments: 1</td>" in text
    assert f"<td>{tmp_path}/images/6.png</td>" in text


def test_an_image_that_cannot_be_loaded_is_drawn_by_its_file(checked, tmp_path):
    dataset = checked.datasets["data.val"]
    ids = np.asarray(draw_place(Place("data.val", 0, f"{tmp_path}/labels/0.png"), dataset))
    assert ids.shape[1] == 400
    assert tuple(ids[250, 9]) == dataset.classes.colors[0]
    assert tuple(ids[0, 0]) not in dataset.classes.colors
    image = np.asarray(draw_place(Place("data.val", 0, f"{tmp_path}/images/0.png"), dataset))
    assert (image == BLUE).all()
    assert draw_place(Place("data.val", 6, f"{tmp_path}/images/6.png"), dataset) is None


def test_a_page_without_findings(tmp_path):
    write_data_page(tmp_path / "page.html", "Data", DataCheck())
    assert "<p>None.</p>" in (tmp_path / "page.html").read_text()


def test_a_browser_shows_it(checked, tmp_path):
    write_data_page(tmp_path / "page.html", "Data of a.yaml", checked)
    shown = screenshot(tmp_path / "page.html", 1300, 4000).astype(int)
    assert (abs(shown - RED).max(-1) < 30).sum() > 4 * 300 * 300  # JPEG; a part lies below the overlays
    assert (shown == (244, 244, 244)).all(-1).sum() > 2000  # headers of the tables
