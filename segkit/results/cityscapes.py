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


def save_instances(result: InstanceResult, classes: Classes, folder: Path, name: str) -> list[Path]:
    """Writes `<name>.txt`, with a line `<file> <class id> <score>` for each instance, and the files: binary PNGs.

    Returns the paths of all.

    Example:
        >>> import tempfile, torch
        >>> folder = Path(tempfile.mkdtemp())
        >>> result = InstanceResult(torch.tensor([0]), torch.tensor([0.5]), torch.ones(1, 2, 3, dtype=torch.bool))
        >>> files = save_instances(result, Classes.make(["car"], ids=[26]), folder, "ulm_000001_000019")
        >>> [file.name for file in files]
        ['ulm_000001_000019_0.png', 'ulm_000001_000019.txt']
        >>> (folder / "ulm_000001_000019.txt").read_text()
        'ulm_000001_000019_0.png 26 0.5\\n'
    """
    lines, files = [], []
    for number, (label, score) in enumerate(zip(result.labels.tolist(), result.scores.tolist(), strict=True)):
        mask = result.mask(number).cpu().numpy()
        files.append(folder / f"{name}_{number}.png")
        save_png(Image.fromarray(mask.astype(np.uint8) * 255), files[-1])
        lines.append(f"{files[-1].name} {classes.ids[label]} {score}\n")
    files.append(folder / f"{name}.txt")
    with replace_file(files[-1], durable=False) as draft:
        draft.write_text("".join(lines), encoding="utf-8")
    return files
