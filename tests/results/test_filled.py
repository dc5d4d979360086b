"""Results are not written among others."""

from pathlib import Path

import pytest

from segkit.errors import DataError
from segkit.results.filled import refuse_filled
from segkit.types import InstanceResult, PanopticResult, SemanticResult

TYPES = {"semantic": SemanticResult, "instance": InstanceResult, "panoptic": PanopticResult}


@pytest.mark.parametrize(
    ("file", "task"),
    [
        ("semantic/a.png", "semantic"),
        ("instances.json", "instance"),
        ("instance/a.txt", "instance"),
        ("panoptic/a.png", "panoptic"),
        ("panoptic.json", "panoptic"),
        ("overlays/a_instance.png", "instance"),
    ],
)
def test_results_of_a_task_are_refused_beside_those_of_the_same(tmp_path, file, task):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(DataError) as caught:
        refuse_filled(tmp_path, TYPES.values())
    named = Path(file).parts[0] if task in file.split("/")[0] else file
    assert str(caught.value) == (
        f"{tmp_path}: holds {task} results already ({named}). Give another --output, or remove them."
    )
    refuse_filled(tmp_path, [one for name, one in TYPES.items() if name != task])
