"""Predictions killed at every moment and gone on with: every result once."""

import json
import os
import signal
import tarfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from segkit.classes import Classes
from segkit.errors import DataError, WriteError
from segkit.results import stores
from segkit.results.manifest import Manifest, ManifestPart
from segkit.results.prediction_folder import PredictionJob, count_done, open_predictions
from segkit.runtime.locking import FolderTakenError, lock_folder
from segkit.runtime.processes import Process
from segkit.types import InstanceResult, SemanticResult

CPU = Process(torch.device("cpu"))
CLASSES = Classes.make(["sky", "car"], things=[False, True])
BAD = "images/7.png"
FORMATS = ("folder", "zip", "webdataset")


def job_in(folder, output_format="folder", images=9, result_type=InstanceResult, **settings):
    files = [f"images/{number}.png" for number in range(images)]
    return PredictionJob(folder, files, CLASSES, result_type, settings, output_format=output_format)


def predict(job, process=CPU, resume=True, stop_after=None):
    """Writes a result of its own for each image; one is bad."""
    with open_predictions(job, process, resume) as own:
        for count, file in enumerate(own.todo):
            if count == stop_after:
                raise KeyboardInterrupt
            number = int(Path(file).stem)
            if file == BAD:
                own.write_error(file, "no image")
                continue
            image = torch.full((3, 4, 6), number, dtype=torch.uint8)
            if job.result_type is SemanticResult:
                own.write(file, image, SemanticResult(torch.full((4, 6), number % 2)))
                continue
            masks = torch.ones(1, 4, 6, dtype=torch.bool)
            own.write(file, image, InstanceResult(torch.tensor([1]), torch.tensor([0.5 + number / 1000]), masks))


def contents(folder):
    """All files by name, those of shards too; each is there once."""
    found = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as shard:
                found += [(name, shard.read(name)) for name in shard.namelist()]
        elif path.suffix == ".tar":
            with tarfile.open(path) as shard:
                found += [(member.name, shard.extractfile(member).read()) for member in shard]
        elif not path.name.startswith("manifest_"):
            found.append((str(path.relative_to(folder)), path.read_bytes()))
    assert len(dict(found)) == len(found)
    return dict(found)


def inputs_of(job):
    return [(record.input, record.error) for record in Manifest(job.folder, job.task).records()]


def expected_inputs(job):
    return [(file, "no image" if file == BAD else None) for file in job.files]


@contextmanager
def killed_at(moment, monkeypatch):
    """Kills this process before the change of a file with this number, or in the middle where it writes a line."""
    count = 0

    def next_one(half=None):
        nonlocal count
        if count == moment:
            if half is not None:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    replace, unlink, append = Path.replace, Path.unlink, ManifestPart._append
    monkeypatch.setattr(Path, "replace", lambda path, to: (next_one(), replace(path, to))[1])
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: (next_one(), unlink(path, missing_ok))[1])

    def append_or_die(part, text):
        next_one(lambda: append(part, text[: len(text) // 2]))
        append(part, text)

    monkeypatch.setattr(ManifestPart, "_append", append_or_die)
    yield
    monkeypatch.undo()


def predict_killed(job, moment, monkeypatch):
    """Predicts in a process that is killed; returns whether that was before its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with killed_at(moment, monkeypatch):
                predict(job)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return status != 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("output_format", ["folder", "zip"])
def test_killed_at_every_moment(tmp_path, monkeypatch, output_format):
    monkeypatch.setattr(stores, "IMAGES_PER_SHARD", 2)
    whole = job_in(tmp_path / "whole", output_format, images=3)
    predict(whole)
    moment = 0
    while predict_killed(job := job_in(tmp_path / f"{moment}", output_format, images=3), moment, monkeypatch):
        predict_killed(job, moment, monkeypatch)  # and once more, while it goes on
        predict(job)
        assert inputs_of(job) == expected_inputs(job)
        assert contents(job.folder) == contents(whole.folder), moment
        assert len(list(job.folder.glob("manifest_*"))) == 1
        moment += 1
    assert moment > 12


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_hundred_images_killed_again_and_again(tmp_path, monkeypatch):
    job = job_in(tmp_path / "out", images=100, result_type=SemanticResult)
    killed = 0
    for moment in (1, 40, 77, 33, 5, 120):
        killed += predict_killed(job, moment, monkeypatch)
    predict(job)
    assert killed == 6
    assert inputs_of(job) == expected_inputs(job)
    assert len(contents(job.folder)) == 2 * 99
    assert count_done(job) == 99


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_bad_image_is_tried_again_and_what_is_done_is_not(tmp_path, monkeypatch, output_format):
    job = job_in(tmp_path, output_format)
    predict(job)
    earlier = contents(tmp_path)
    monkeypatch.setattr("tests.results.test_prediction_folder.BAD", None)
    with open_predictions(job, CPU, resume=True) as own:
        assert own.todo == ["images/7.png"]
    predict(job)
    assert [error for _, error in inputs_of(job)] == [None] * 9
    now = contents(tmp_path)
    assert earlier.items() - now.items() <= {("instances.json", earlier["instances.json"])}
    names = [entry["image_id"] for entry in json.loads(now["instances.json"])]
    assert names == [str(number) for number in range(9)]


def test_more_images_later_keep_the_names(tmp_path):
    first = PredictionJob(tmp_path, ["y/1.png"], CLASSES, SemanticResult, {})
    predict(first)
    both = PredictionJob(tmp_path, ["x/1.png", "y/1.png"], CLASSES, SemanticResult, {})
    predict(both)
    records = {record.input: sorted(record.files) for record in both.manifest.records()}
    assert records == {
        "x/1.png": ["overlays/x_1_semantic.png", "semantic/x_1.png"],
        "y/1.png": ["overlays/1_semantic.png", "semantic/1.png"],
    }


def test_what_was_removed_or_cut_is_made_again(tmp_path):
    job = job_in(tmp_path, images=4, result_type=SemanticResult)
    predict(job)
    whole = contents(tmp_path)
    (tmp_path / "semantic/1.png").unlink()
    (tmp_path / "overlays/2_semantic.png").write_bytes(b"cut")
    with open_predictions(job, CPU, resume=True) as own:
        assert own.todo == ["images/1.png", "images/2.png"]
    predict(job)
    assert contents(tmp_path) == whole


def test_a_signal_leaves_whole_lists_and_shards(tmp_path):
    job = job_in(tmp_path, "zip")
    with pytest.raises(KeyboardInterrupt):
        predict(job, stop_after=4)
    assert len(json.loads((tmp_path / "instances.json").read_text())) == 4
    assert [path.name for path in tmp_path.glob("*.zip")] == ["instance_000_000000.zip"]
    assert len(inputs_of(job)) == 4


def test_other_settings_are_refused_with_all_differences(tmp_path):
    predict(job_in(tmp_path, precision="fp32", window=None))
    manifest = tmp_path / "manifest_instance.jsonl"
    with pytest.raises(DataError) as caught:
        predict(job_in(tmp_path, precision="bf16", window=512))
    assert str(caught.value) == (
        f"{manifest}: the results there have other settings: precision was fp32, is bf16; window was not given, is "
        "512. Use the earlier ones, or give another --output."
    )


def test_results_without_manifest_are_refused(tmp_path):
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays/a_instance.png").touch()
    with pytest.raises(DataError, match=r"instance results already .*\. Give another --output, or remove them\.$"):
        predict(job_in(tmp_path))


def test_a_damaged_manifest_is_refused(tmp_path):
    predict(job_in(tmp_path))
    manifest = tmp_path / "manifest_instance.jsonl"
    head, first, *rest = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(head + first[: len(first) // 2] + b"\n" + b"".join(rest))
    with pytest.raises(DataError, match=rf"^{manifest}: is damaged at byte {len(head)} \(.*Give another --output\.$"):
        predict(job_in(tmp_path))


def test_two_commands_do_not_share_a_folder(tmp_path):
    with lock_folder(tmp_path), pytest.raises(FolderTakenError):
        predict(job_in(tmp_path))


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_disk_that_fills_keeps_what_was_finished(tmp_path, monkeypatch, output_format):
    monkeypatch.setattr(stores, "IMAGES_PER_SHARD", 2)
    job = job_in(tmp_path, output_format)
    append, count = ManifestPart._append, 0

    def fill(part, text):
        nonlocal count
        count += 1
        if count == 4:
            raise OSError(28, "No space left on device")
        append(part, text)

    monkeypatch.setattr(ManifestPart, "_append", lambda part, text: fill(part, text))
    with pytest.raises((WriteError, OSError)):
        predict(job)
    monkeypatch.setattr(ManifestPart, "_append", append)
    done = count_done(job)
    assert done > 0
    predict(job)
    assert inputs_of(job) == expected_inputs(job)
