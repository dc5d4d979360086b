"""Results in the forms that the evaluation of Cityscapes reads, where they differ from COCO's."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from segkit.classes import Classes
from segkit.results.png import save_png
from segkit.runtime.writing import replace_file
from segkit.types import InstanceResult

FRAME = re.compile(r"[^_]+_\d{6}_\d{6}(?=_|$)")
"""`<city>_<sequence>_<frame>`, which file names of Cityscapes begin with."""


def cityscapes_id(file: str) -> str:
    """Returns the id that Cityscapes' panoptic files give an image; its stem where it is none of Cityscapes'.

    Example:
        >>> cityscapes_id("val/ulm/ulm_000001_000019_leftImg8bit.png")
        'ulm_000001_000019'
    """
    stem = Path(file).stem
    match = FRAME.match(stem)
    return match[0] if match else stem


def save_instances(result: InstanceResult, classes: Classes, folder: Path, name: str) -> None:
    """Writes `<name>.txt`, with a line `<file> <class id> <score>` for each instance, and the files: binary PNGs.

    Example:
        >>> import tempfile, torch
        >>> folder = Path(tempfile.mkdtemp())
        >>> result = InstanceResult(torch.tensor([0]), torch.tensor([0.5]), torch.ones(1, 2, 3, dtype=torch.bool))
        >>> save_instances(result, Classes.make(["car"], ids=[26]), folder, "ulm_000001_000019")
        >>> (folder / "ulm_000001_000019.txt").read_text()
        'ulm_000001_000019_0.png 26 0.5\\n'
    """
    lines = []
    rows = zip(result.labels.tolist(), result.scores.tolist(), result.masks.cpu().numpy(), strict=True)
    for number, (label, score, mask) in enumerate(rows):
        file = f"{name}_{number}.png"
        save_png(Image.fromarray(mask.astype(np.uint8) * 255), folder / file)
        lines.append(f"{file} {classes.ids[label]} {score}\n")
    with replace_file(folder / f"{name}.txt", durable=False) as draft:
        draft.write_text("".join(lines), encoding="utf-8")
