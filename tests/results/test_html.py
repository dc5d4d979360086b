"""Self-contained HTML pages."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from segkit.errors import WriteError
from segkit.results.html import Html, element, escape, image, images, page, table, write_page
from tests.helpers.browser import screenshot

HOSTILE = '<script>alert("x")</script>&\udcff'


class Reader(HTMLParser):
    """Collects tags, attributes and texts, and checks that all elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_text_cannot_become_markup():
    drawn = image(Image.new("RGB", (4, 4)), HOSTILE)
    read = Reader(page(HOSTILE, [HOSTILE, element("p", HOSTILE), table([HOSTILE], [[HOSTILE]], HOSTILE), drawn]))
    assert "script" not in read.tags
    shown = '<script>alert("x")</script>&\\udcff'
    assert (
        "".join(read.texts).count(shown) == 8
    )  # title, heading, text, paragraph, caption, header, cell, below the image
    assert ("alt", shown) in read.attributes


def test_a_page_refers_to_nothing_outside():
    text = page("title", [image(Image.new("RGB", (4, 4))), table(["a"], [["b"]])])
    read = Reader(text)
    assert all(value.startswith("data:") for name, value in read.attributes if name in ("src", "href"))
    assert "http:" not in text
    assert "https:" not in text
    assert ("content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in read.attributes


def test_numbers_stand_on_the_right():
    made = table(["class", "count", "rate"], [["car", 12, 0.5], ["bus", 3, float("nan")], ["cat", 0, 0.00002]])
    assert '<th>class</th><th class="number">count</th><th class="number">rate</th>' in made
    assert '<td>car</td><td class="number">12</td><td class="number">0.5000</td>' in made
    assert '<td class="number">–</td>' in made
    assert '<td class="number">2e-05</td>' in made


def test_images_lie_in_the_page():
    drawn = Image.effect_noise((1280, 640), 90)
    for lossless, kind, tolerance in ((True, "png", 0), (False, "jpeg", 40)):
        made = image(drawn, Html("<b>a</b>"), longest=320, lossless=lossless)
        found = re.search(rf'<img src="data:image/{kind};base64,([^"]+)" width="320" height="160" alt="">', made)
        shown = Image.open(io.BytesIO(base64.b64decode(found[1])))
        assert shown.size == (320, 160)
        expected = drawn.convert("RGB").resize((320, 160)).getpixel((100, 80))
        assert all(
            abs(one - other) <= tolerance for one, other in zip(shown.getpixel((100, 80)), expected, strict=True)
        )
        assert '<div class="caption"><b>a</b></div>' in made
    assert images([made, made]).count("<img") == 2


def test_html_is_not_escaped_twice():
    assert escape(element("b", "1 < 2")) == "<b>1 &lt; 2</b>"
    assert element("td", "3", style_class="number") == '<td class="number">3</td>'


def test_a_page_is_written_whole(tmp_path):
    write_page(tmp_path / "new/page.html", "Ä", ["ö"])
    assert (tmp_path / "new/page.html").read_text(encoding="utf-8") == page("Ä", ["ö"])
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"page\.html: cannot be written \("):
        write_page(tmp_path / "file/page.html", "a", [])


def test_a_wide_table_does_not_widen_the_page(tmp_path):
    file = tmp_path / "page.html"
    write_page(file, "title", [table([f"a_long_name_{number}" for number in range(20)], [["x" * 20] * 20])])
    shown = screenshot(file, width=400, height=300)
    assert (shown[:, -10:] == 255).all()  # the margin
    assert (shown[:, -30:-20] != 255).any()


def test_a_browser_shows_tables_and_images(tmp_path):
    red = image(Image.new("RGB", (200, 100), (255, 0, 0)), "a red one", lossless=True)
    write_page(tmp_path / "page.html", "title", [table(["class"], [["car"]]), images([red, red])])
    shown = screenshot(tmp_path / "page.html")
    assert (shown == (255, 0, 0)).all(-1).sum() == 2 * 200 * 100
    assert (shown == (244, 244, 244)).all(-1).sum() > 300  # the header of the table
    write_page(tmp_path / "empty.html", "title", [])
    assert not (screenshot(tmp_path / "empty.html") == (255, 0, 0)).all(-1).any()
