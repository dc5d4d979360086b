"""The limits of containers and jobs count as the memory of the machine does."""

import psutil
import pytest

from segkit.runtime import memory_limit
from segkit.runtime.memory_limit import memory_left, require_memory


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Returns a function that writes files of cgroups by path, and the groups of this process."""
    monkeypatch.setattr(memory_limit, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory_limit, "_OWN_GROUPS", tmp_path / "own")

    def write(own, **files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            folder, _, file = name.rpartition("/")
            (tmp_path / "cgroup" / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "cgroup" / folder / file).write_text(f"{text}\n")

    return write


def test_without_groups_the_machine_decides(groups):
    assert 0.5 < memory_left() / psutil.virtual_memory().available < 2


def test_the_smallest_limit_of_all_groups_above_counts(groups):
    files = {"memory.max": "max", "job/memory.max": 1000, "job/memory.current": 400}
    files |= {"job/memory.stat": "file 300\ninactive_file 50\n", "job/step/memory.max": "max"}
    groups("0::/job/step\n", **files)
    assert memory_left() == 650


def test_a_container_sees_its_own_limit_at_the_root(groups):
    files = {"memory.max": 1000, "memory.current": 1200, "memory.stat": ""}
    groups("0::/../elsewhere\n", **files)
    assert memory_left() == 0


def test_the_first_version_of_cgroups(groups):
    files = {"memory/job/memory.limit_in_bytes": 2000, "memory/job/memory.usage_in_bytes": 500}
    groups("4:cpu:/job\n3:memory:/job\n", **files, **{"memory/job/memory.stat": "total_inactive_file 100"})
    assert memory_left() == 1600


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory_limit, "memory_left", lambda: 2_000_000_000)
    require_memory(2e9)
    with pytest.raises(MemoryError) as caught:
        require_memory(2.6e9)
    assert str(caught.value) == "it takes about 2.6 GB, but 2.0 GB are free"
