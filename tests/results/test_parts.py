"""The parts of several processes, put together: the same files as those of one process."""

import pytest
import torch
from PIL import Image

from segkit.classes import Classes
from segkit.results.files import ResultWriter
from segkit.results.names import NumberedNames, OutputNames
from segkit.results.parts import join_parts
from segkit.types import InstanceResult, PanopticResult, PanopticSegment, SemanticResult

CLASSES = Classes.make(["sky", "car"], things=[False, True], ids=[7, 90])
FILES = ["x/a.jpg", "y/a.jpg", "z/y/a.jpg", "b.jpg", "y/a.png", "bad.jpg", "c.jpg"]
"""Four of one name, and one that gives no result."""


def results_of(number):
    generator = torch.Generator().manual_seed(number)
    count = number % 3
    masks = torch.rand(count, 4, 6, generator=generator) < 0.5
    yield SemanticResult(torch.randint(0, 2, (4, 6), generator=generator))
    yield PanopticResult(torch.ones(4, 6, dtype=torch.int32), [PanopticSegment(1, number % 2, False, 0.1 * number)])
    yield InstanceResult(torch.ones(count, dtype=torch.int64), torch.rand(count, generator=generator), masks)


def write(folder, numbers, names, result_format):
    with ResultWriter(folder, CLASSES, names, result_format) as writer:
        for number in numbers:
            name = names.of(FILES[number])
            if FILES[number] == "bad.jpg":
                continue
            for result in results_of(number):
                writer.write(result, FILES[number], number)
            (folder / "overlays").mkdir(exist_ok=True)
            Image.new("RGB", (2, 2), (number, 0, 0)).save(folder / "overlays" / f"{name}_task.png")
    return folder


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("result_format", ["coco", "cityscapes"])
@pytest.mark.parametrize("processes", [1, 2, 3, 9])
def test_they_are_the_files_of_one_process(tmp_path, processes, result_format):
    whole = contents(write(tmp_path / "whole", range(len(FILES)), OutputNames(), result_format))
    numbers_of = [range(rank, len(FILES), processes) for rank in range(processes)]
    every = [NumberedNames(rank, processes) for rank in range(processes)]
    parts = [tmp_path / "joined" / f".part_{rank}" for rank in range(processes)]
    for part, numbers, names in zip(parts, numbers_of, every, strict=True):
        if numbers:  # of nine processes, two have no image
            write(part, numbers, names, result_format)
    join_parts(tmp_path / "joined", parts, [names.files for names in every])
    assert contents(tmp_path / "joined") == whole
    instances = {"coco": "instances.json", "cityscapes": "instance/y_a.txt"}[result_format]
    assert {"overlays/a_task.png", "overlays/y_a_task.png", "panoptic/a_2.png", instances} <= whole.keys()
