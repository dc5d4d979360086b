"""`segkit predict` on videos: overlays and results of each frame, and what is left when it ends early."""

import json
import sys

import av
import numpy as np
import pytest

from segkit.cli.main import main
from segkit.errors import WriteError
from segkit.ops.run_length import decode_masks
from segkit.results.json_list import JsonList
from segkit.video.prediction import VideoFiles, predict_video
from segkit.video.reader import Frame, Video, open_video
from segkit.video.writer import VideoWriter
from tests.helpers.checkpoints import save_checkpoint_of_instances
from tests.helpers.videos import gray_frames, write_stream, write_video


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of random weights."""
    return save_checkpoint_of_instances(tmp_path_factory.mktemp("checkpoint"), "{type: instance}")


@pytest.fixture
def film(tmp_path):
    write_video(tmp_path / "film.mp4", gray_frames(3))
    return str(tmp_path / "film.mp4")


@pytest.mark.parametrize("task", ["semantic", "instance", "panoptic"])
def test_a_video_of_overlays_and_results_of_each_frame(checkpoint, film, tmp_path, capsys, task):
    out = tmp_path / "out"
    arguments = ["--task", task, "--batch-size", "2", *(() if task == "semantic" else ("--score-threshold", "0"))]
    assert main(["predict", str(checkpoint), film, "--output", str(out), *arguments]) == 0
    assert f"film.mp4: 3 frames segmented ({task}), " in capsys.readouterr().out
    files = [f"film_{task}.json", f"film_{task}.mp4", f"videos_{task}.jsonl"]
    assert sorted(file.name for file in out.iterdir()) == files
    with open_video(str(out / f"film_{task}.mp4")) as video:
        assert [frame.image.shape for frame in video.frames] == [(3, 48, 64)] * 3
    results = json.loads((out / f"film_{task}.json").read_text())
    assert [(frame["frame"], frame["seconds"]) for frame in results["frames"]] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    segments = [segment for frame in results["frames"] for segment in frame["segments"]]
    assert {segment["class"] for segment in segments} <= set(results["classes"])
    if task != "panoptic":  # random weights find no segments
        assert decode_masks([segments[0]["segmentation"]], (48, 64)).any()
    if task == "instance":
        numbers = [[segment["number"] for segment in frame["segments"]] for frame in results["frames"]]
        assert all(len(set(one)) == len(one) > 0 for one in numbers)


def test_frames_before_the_damage_are_kept_and_the_others_go_on(checkpoint, film, tmp_path, capsys):
    write_stream(tmp_path / "a.ts", gray_frames(2))
    write_stream(tmp_path / "b.ts", gray_frames(2, (64, 64)))
    both = tmp_path / "both.ts"
    both.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    out = tmp_path / "out"
    assert main(["predict", str(checkpoint), str(both), film, "--output", str(out)]) == 1
    printed = capsys.readouterr()
    assert "error: " in printed.err
    assert f"What was segmented before is in {out / 'both_semantic.mp4'}." in printed.err
    assert "film.mp4: 3 frames segmented" in printed.out
    assert len(json.loads((out / "both_semantic.json").read_text())["frames"]) == 2
    assert main(["predict", str(checkpoint), film, "--output", str(out)]) == 1
    assert capsys.readouterr().err == (
        f"error: {out}/film_semantic.mp4: is there already. Go on with --resume, choose another --output, or remove "
        "it.\n"
    )


def test_finished_videos_are_left_out_and_the_others_made_again(checkpoint, film, tmp_path, capsys):
    out, other = tmp_path / "out", tmp_path / "other.mp4"
    other.write_bytes(b"no video yet")
    words = ["predict", str(checkpoint), film, str(other), "--output", str(out)]
    assert main([*words, "--resume"]) == 1
    assert "film.mp4: 3 frames segmented" in capsys.readouterr().out
    write_video(other, gray_frames(2))
    before = (out / "film_semantic.mp4").stat().st_mtime_ns
    assert main([*words, "--resume"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 2 videos were segmented before" in printed
    assert "other.mp4: 2 frames segmented" in printed
    assert "film.mp4: 3" not in printed
    assert (out / "film_semantic.mp4").stat().st_mtime_ns == before
    (out / "film_semantic.json").unlink()
    assert main([*words, "--resume"]) == 0
    assert "film.mp4: 3 frames segmented" in capsys.readouterr().out
    inputs = [json.loads(line).get("input") for line in (out / "videos_semantic.jsonl").read_text().splitlines()]
    assert inputs == [None, film, str(other)]
    assert main([*words, "--resume", "--precision", "bf16"]) == 1
    assert capsys.readouterr().err == (
        f"error: {out}/videos_semantic.jsonl: the results there have other settings: precision was fp32, is bf16. Use "
        "the earlier ones, or give another --output.\n"
    )


def test_a_camera_is_not_resumed(checkpoint, tmp_path, capsys):
    assert main(["predict", str(checkpoint), "rtsp://camera/1", "--output", str(tmp_path), "--resume"]) == 2
    assert capsys.readouterr().err == (
        "error: rtsp://camera/1 is a camera, and what it showed before does not come again: --resume would replace it. "
        "Leave it out, and give another --output.\n"
    )


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("film.mp4", "but not those of all videos. To go on, run the same command with --resume."),
        ("0", "with the frames until now."),
    ],
)
def test_what_a_signal_leaves(checkpoint, film, tmp_path, capsys, monkeypatch, source, left):
    def interrupted(predictor, video, files, *_):
        files.results.write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr("segkit.video.prediction.predict_video", interrupted)
    monkeypatch.setattr("segkit.video.reader._opened", lambda av, _: av.open(film))
    source = film if source == "film.mp4" else source
    assert main(["predict", str(checkpoint), source, "--output", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == f"interrupted: the files in {tmp_path}/out are whole, {left}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output-format", "zip"], "videos: these options are for images: --output-format."),
        (["street.jpg"], "film.mp4 is a video, and street.jpg is none."),
    ],
)
def test_what_does_not_go_with_videos(checkpoint, film, tmp_path, capsys, arguments, message):
    assert main(["predict", str(checkpoint), film, *arguments, "--output", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


class Stopped(BaseException):
    """A signal."""


def frames_until(error, count):
    for number, image in enumerate(gray_frames(count)):
        yield Frame(number, number / 10, to_tensor(image))
    raise error


def to_tensor(image):
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def test_a_signal_leaves_the_frames_so_far(checkpoint, tmp_path):
    from segkit import Predictor

    files = VideoFiles(tmp_path / "a.mp4", tmp_path / "a.json")
    with pytest.raises(Stopped):
        predict_video(Predictor(checkpoint, device="cpu"), Video("0", 10, None, frames_until(Stopped(), 4)), files)
    assert len(json.loads(files.results.read_text())["frames"]) == 4
    assert files.overlays.exists()


@pytest.mark.parametrize(("part", "name"), [(VideoWriter, "finish"), (JsonList, "close")])
def test_a_file_without_the_other_is_removed(checkpoint, film, tmp_path, monkeypatch, part, name):
    from segkit import Predictor

    def full(*_):
        raise WriteError("full")

    monkeypatch.setattr(part, name, full)
    out = tmp_path / "out"
    with open_video(film) as video, pytest.raises(WriteError, match="full"):
        predict_video(Predictor(checkpoint, device="cpu"), video, VideoFiles(out / "a.mp4", out / "a.json"))
    assert list(out.iterdir()) == []


def test_a_folder_in_the_place_of_a_file(checkpoint, film, tmp_path):
    from segkit import Predictor

    files = VideoFiles(tmp_path / "a.mp4", tmp_path / "a.json")
    files.results.mkdir()
    with open_video(film) as video, pytest.raises(WriteError, match=r"a\.json: cannot be written \(Is a directory\)\."):
        predict_video(Predictor(checkpoint, device="cpu"), video, files)
    assert not files.overlays.exists()


def test_a_missing_package_is_found_before_the_model_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    assert main(["predict", str(tmp_path / "none"), "film.mp4", "--output", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == (
        "error: the package 'av' is missing. Install segkit's extra: pip install 'segkit[video]'\n"
    )


def test_a_full_disk_leaves_no_half_file(checkpoint, tmp_path, monkeypatch):
    from segkit import Predictor

    def full(*_):
        raise av.error.OSError(28, "No space left on device")

    monkeypatch.setattr(av.container.OutputContainer, "mux", full)
    files = VideoFiles(tmp_path / "a.mp4", tmp_path / "a.json")
    with pytest.raises(WriteError, match=r"a\.mp4: cannot be written \(No space left on device\)"):
        predict_video(Predictor(checkpoint, device="cpu"), Video("a", 10, 4, frames_until(Stopped(), 4)), files)
    assert list(tmp_path.iterdir()) == []
