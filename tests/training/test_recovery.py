"""Damage in a run folder is found and named, and the newest checkpoint that is whole is used."""

import os
import random
import re
import shutil
import subprocess

import pytest

from segkit.checkpoint import load_checkpoint
from segkit.config import load_config
from segkit.errors import SegkitError
from segkit.reports.run_records import read_run
from segkit.training.log import go_on_with_log
from segkit.training.progress import Reporter
from segkit.training.recovery import complete_replacements, recover, require_whole, set_aside_files
from segkit.training.repeats import read_factors
from segkit.training.run_folder import RunFolder
from segkit.training.state import SavedState
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of, write_tiny

SETTINGS = [
    "training.checkpoint_every=1",
    "training.keep_checkpoints=3",
    "data.train.repeat_threshold=0.5",
    "training.evaluate_every=2",
]
FOLDERS = ("last", "best", "checkpoints/step_2", "checkpoints/step_3", "checkpoints/step_4")
OF_RUN = ("metrics.jsonl", "data_summary.json", "repeat_factors.json", "evaluation/metrics.json")
WITH_DIGESTS = (*FOLDERS, ".", "evaluation")


class Killed(BaseException):
    """Ends a training as SIGKILL does: nothing is saved, nothing is tidied up."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of four steps."""
    folder = tmp_path_factory.mktemp("recovery")
    return train(load_config(write_tiny(folder), SETTINGS), folder / "run")


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run of six steps that was killed in the fifth, after it had logged."""
    folder = tmp_path_factory.mktemp("killed")

    config = load_config(write_tiny(folder), [*SETTINGS, "training.steps=6"])

    def log(reporter, step, values):
        log_as_ever(reporter, step, values)
        if step == 5:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        log_as_ever = Reporter.log
        patch.setattr(Reporter, "log", log)
        with pytest.raises(Killed):
            train(config, folder / "run")
    return folder / "run"


@pytest.fixture
def run(whole, tmp_path):
    # Links instead of copies, which are slow; `changed` therefore writes a file anew.
    return RunFolder(shutil.copytree(whole, tmp_path / "run", copy_function=os.link))


def changed(path, content):
    path.unlink()
    path.write_bytes(content)


def flip(path, position=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= 4
    changed(path, content)


def test_a_whole_run_is_left_as_it_is(run):
    before = sorted(run.path.rglob("*"))
    assert recover(run) == []
    assert sorted(run.path.rglob("*")) == before


def test_the_newest_whole_checkpoint_is_used(run):
    newest = run.checkpoint(4)
    flip(newest / "training_state.pt")
    assert recover(run) == [
        f"{newest}/training_state.pt: is damaged: its digest differs from SHA256SUMS. Use another checkpoint. If you "
        f"changed files yourself, remove {newest}/SHA256SUMS. It is set aside as step_4.damaged; the training goes on "
        f"from {run.checkpoint(3)}",
        f"{run.last}: is now that of {run.checkpoint(3)}",
    ]
    assert run.require_newest_checkpoint() == run.checkpoint(3)
    assert (run.path / "checkpoints/step_4.damaged").is_dir()
    assert_equal_weights(run.last, run.checkpoint(3))


def test_a_file_in_place_of_a_checkpoint_is_set_aside(run):
    file = run.checkpoint(5)
    file.write_text("in the way")
    assert set_aside_files(run) == [f"{file}: is no folder. It is set aside as step_5.damaged"]
    assert (run.path / "checkpoints/step_5.damaged").read_text() == "in the way"
    assert not file.exists()
    assert set_aside_files(run) == []


def test_a_file_in_place_of_the_only_checkpoint_is_set_aside(tiny, capsys):
    """Else the training that starts anew could not save that step."""
    run = train(load_config(tiny, ["training.steps=1"]), "run")
    for folder in ("checkpoints/step_1", "last", "best"):
        shutil.rmtree(run / folder)
    (run / "checkpoints/step_1").write_text("in the way")
    capsys.readouterr()
    train(load_config(tiny, ["training.steps=1"]), "run", resume=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"{run}/checkpoints/step_1: is no folder. It is set aside as step_1.damaged",
        f"{run}: has no checkpoint to resume from, so the training starts anew",
    ]
    assert (run / "checkpoints/step_1").is_dir()


def test_without_a_whole_checkpoint_nothing_is_changed(run):
    for step in (2, 3, 4):
        flip(run.checkpoint(step) / "model.safetensors")
    with pytest.raises(SegkitError, match=r"no checkpoint is whole\. .*step_2/model.safetensors: is damaged"):
        recover(run)


@pytest.mark.parametrize("damage", ["stale", "missing", "damaged", "half replaced"])
def test_last_is_repaired(run, damage):
    if damage == "stale":  # killed between the checkpoint and `last`
        shutil.rmtree(run.last)
        shutil.copytree(run.checkpoint(3), run.last, ignore=shutil.ignore_patterns("training_state.pt"))
    elif damage == "missing":
        shutil.rmtree(run.last)
    elif damage == "half replaced":
        run.last.rename(run.path / "last.old")
        shutil.copytree(run.checkpoint(3), run.path / "last.writing")
        complete_replacements(run)
    else:
        flip(run.last / "model.safetensors")
    assert recover(run) == [f"{run.last}: is now that of {run.checkpoint(4)}"]
    assert_equal_weights(run.last, run.checkpoint(4))
    assert recover(run) == []
    load_checkpoint(run.last)


def test_best_is_repaired_from_its_checkpoint(run):
    weights = run.best / "model.safetensors"
    flip(weights)
    (note,) = recover(run)
    assert note.startswith(f"{weights}: is damaged")
    load_checkpoint(run.best)


def test_best_without_copy_is_set_aside(run, tmp_path):
    flip(run.best / "model.safetensors")
    flip(run.best / "SHA256SUMS", position=-50)  # in the digest of the weights, the last line
    (note,) = recover(run)
    assert note.endswith("It is set aside as best.damaged; the next evaluation writes a new one")
    assert not run.best.exists()
    train(load_config(whole_config(run), ["training.steps=5"]), run.path, resume=True)
    load_checkpoint(run.best)


def test_a_finished_run_without_best_is_evaluated_once_more(run):
    shutil.rmtree(run.best)
    before = lines_of(run.path)
    train(load_config(whole_config(run), SETTINGS), run.path, resume=True)
    assert_equal_weights(run.best, run.last)
    assert [line["step"] for line in lines_of(run.path)] == [line["step"] for line in before]


def whole_config(run):
    """The config of the run, outside of its folder."""
    return shutil.copyfile(run.path / "config.yaml", run.path.parent / "tiny.yaml")


def test_checkpoints_of_earlier_versions_have_no_digests(run):
    for file in run.path.rglob("SHA256SUMS"):
        file.unlink()
    assert recover(run) == []
    state = run.checkpoint(4) / "training_state.pt"
    changed(state, state.read_bytes()[:1000])
    notes = recover(run)
    assert notes[0].startswith(f"{state}: the training cannot be resumed from it (")
    assert notes[1] == f"{run.last}: is now that of {run.checkpoint(3)}"


@pytest.fixture
def ended(request, tmp_path):
    """The finished run or the killed one."""
    source = request.getfixturevalue(request.param)
    return RunFolder(shutil.copytree(source, tmp_path / "run", copy_function=os.link))


def damaged_somewhere(run, generator):
    """Cuts a file of the run or flips one of its bits; returns the file."""
    file = generator.choice(sorted(path for path in run.path.rglob("*") if path.is_file()))
    content = bytearray(file.read_bytes())
    position = generator.randrange(len(content))
    if generator.random() < 0.3:
        content = content[:position]
    else:
        content[position] ^= 1 << generator.randrange(8)
    changed(file, content)
    return file


def assert_damage_is_found(run, file):
    """Checks that the damage of a file is found, and that the newest whole checkpoint is used."""
    notes = recover(run)
    folder = file.parent
    if folder == run.path or run.evaluation in file.parents:
        assert_damage_of_the_run_is_found(run, file, notes)
    elif folder == run.last:
        assert notes == [f"{run.last}: is now that of {run.checkpoint(4)}"]
    elif folder == run.best:
        assert str(folder) in notes[0]
    elif folder == run.checkpoint(4):
        assert str(folder) in notes[0]
        assert run.require_newest_checkpoint() == run.checkpoint(3)
    else:
        assert notes == []  # an older checkpoint is not used
        with pytest.raises(SegkitError, match=folder.name):
            require_whole(folder)
    for name in ("last", "best"):
        if (run.path / name).exists():
            load_checkpoint(run.path / name)


def assert_damage_of_the_run_is_found(run, file, notes):
    """Checks that a report, or the training that goes on, names the file, unless its content is used by nobody."""
    is_finished = run.overlays.is_dir()
    written_anew = ["config.yaml", "environment.json", *(["data_summary.json"] if is_finished else [])]
    if file.parent == run.path and file.name in written_anew:
        (note,) = notes
        assert note.startswith(f"{file}: ")
    elif file != run.path / "SHA256SUMS":
        assert notes == []
    if is_finished or file.name not in ("metrics.jsonl", "data_summary.json"):
        named = file.parent if file.name == "SHA256SUMS" else file
        with pytest.raises(SegkitError, match=re.escape(str(named))):
            read_run(run.path)
    if file == run.repeat_factors:
        with pytest.raises(SegkitError, match=re.escape(str(file))):
            read_factors(run, 8)
    if file == run.metrics:
        assert_damage_of_the_log_is_found(run)


def assert_damage_of_the_log_is_found(run):
    saved = SavedState(run.require_newest_checkpoint())
    damaged = run.metrics.read_bytes()
    notes = go_on_with_log(run.metrics, saved.state.step, saved.state.evaluated, saved.log)
    if notes:
        assert str(run.metrics) in notes[0]
    else:  # in lines after the state, which are written again
        assert run.metrics.read_bytes() == damaged[: saved.log.length]


@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("ended", ["whole", "killed"], indirect=True)
def test_damage_anywhere_is_found(ended, number):
    assert_damage_is_found(ended, damaged_somewhere(ended, random.Random(number)))


@pytest.mark.parametrize("ended", ["whole", "killed"], indirect=True)
@pytest.mark.parametrize("name", OF_RUN)
def test_damage_to_each_file_of_a_run_is_found(ended, name):
    flip(ended.path / name, position=20)
    assert_damage_is_found(ended, ended.path / name)


@pytest.mark.parametrize("ended", ["whole", "killed"], indirect=True)
def test_sha256sum_finds_all_files_of_a_run_whole(ended):
    listed = set()
    for file in ended.path.rglob("SHA256SUMS"):
        subprocess.run(["sha256sum", "--check", "--quiet", file.name], cwd=file.parent, check=True)
        listed |= {file.parent / line.split("  ")[1] for line in file.read_text().splitlines()}
    others = {path for path in ended.path.rglob("*") if path.is_file() and path.name != "SHA256SUMS"} - listed
    is_finished = ended.path / "metrics.jsonl" in listed
    assert {path.name for path in others} == (set() if is_finished else {"metrics.jsonl", "data_summary.json"})


@pytest.mark.parametrize("lines", range(4))
@pytest.mark.parametrize("folder", WITH_DIGESTS)
def test_a_list_of_digests_that_is_cut_at_the_end_of_a_line_is_found(run, folder, lines):
    file = run.path / folder / "SHA256SUMS"
    kept = file.read_bytes().splitlines(keepends=True)
    if lines < len(kept):
        changed(file, b"".join(kept[:lines]))
        assert_damage_is_found(run, file)


def test_a_state_that_is_not_listed_is_not_used(run):
    newest = run.checkpoint(4)
    file = newest / "SHA256SUMS"
    changed(file, b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    flip(newest / "training_state.pt")
    assert recover(run) == [
        f"{newest}/training_state.pt: is not listed in SHA256SUMS. Use another checkpoint. If you changed files "
        f"yourself, remove {newest}/SHA256SUMS. It is set aside as step_4.damaged; the training goes on from "
        f"{run.checkpoint(3)}",
        f"{run.last}: is now that of {run.checkpoint(3)}",
    ]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("number", range(20, 220))
@pytest.mark.parametrize("ended", ["whole", "killed"], indirect=True)
def test_much_damage_anywhere_is_found(ended, number):
    assert_damage_is_found(ended, damaged_somewhere(ended, random.Random(number)))
