"""How the operations of a step are counted, tabled and drawn; one real count, and made-up ones."""

import torch
from benchmarking.launches import (
    BATCHES,
    Launches,
    count_launches,
    draw_launches,
    goals_in_words,
    gpu_chunks,
    launch_table,
)
from PIL import Image

from segkit.criterion import mask_losses
from segkit.losses import focal
from segkit.ops import mask_costs

MADE_UP = [Launches(batch, 1000 + 10 * batch, 1000 + 100 * batch) for batch in BATCHES]


def test_counts(tiny_bodies):
    """Counts do not depend on what was counted before, and grow with the batch in transformers."""
    one, four, again = count_launches(torch.device("cpu"), [1, 4, 1])
    assert one == again
    assert 300 < one.ours < four.ours < four.theirs
    assert four.theirs > 1.3 * one.theirs


def test_the_chunks_of_a_gpu():
    modules = mask_losses, mask_costs
    before = [(module.CPU_CHUNK, module.GPU_CHUNK) for module in modules]
    logits = torch.tensor([-1.0, 2.0])
    with gpu_chunks(8):
        assert all(module.CPU_CHUNK == module.GPU_CHUNK == 1 << 20 for module in modules)
        assert all(
            torch.equal(module.softplus(logits, logits, logits), torch.nn.functional.softplus(logits))
            for module in (focal, mask_costs)
        )
    assert [(module.CPU_CHUNK, module.GPU_CHUNK) for module in modules] == before


def test_the_table():
    assert launch_table(MADE_UP[-2:], "peer") == (
        "| images | segkit | peer | ratio |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| 16 | 1,160 | 2,600 | 0.45 |\n"
        "| 32 | 1,320 | 4,200 | 0.31 |"
    )


def test_goals():
    assert goals_in_words(MADE_UP, "peer") == [
        "16 images to 2: 1.137, met: 1.15",
        "segkit to peer at 16 images: 0.446, met: 0.5",
    ]
    missed = [Launches(2, 100, 100), Launches(16, 200, 300)]
    assert goals_in_words(missed, "peer") == [
        "16 images to 2: 2.000, missed: 1.15",
        "segkit to peer at 16 images: 0.667, missed: 0.5",
    ]


def test_the_plot(tmp_path):
    draw_launches(tmp_path / "new" / "launches.png", MADE_UP, "peer")
    with Image.open(tmp_path / "new" / "launches.png") as image:
        assert image.format == "PNG"
        assert len(image.getcolors(1 << 20)) > 10
