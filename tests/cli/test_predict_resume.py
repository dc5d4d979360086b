"""`segkit predict --resume`: what is done is left out, and other settings are refused."""

import json
import os
import shutil
import signal
import tarfile
import time
import zipfile

import pytest
import torch
from PIL import Image

from segkit.cli.main import main
from tests.helpers.checkpoints import save_checkpoint_of_instances
from tests.helpers.forked import Forked, finish_forked
from tests.helpers.launched import PREDICT


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of random weights."""
    return save_checkpoint_of_instances(tmp_path_factory.mktemp("checkpoint"), "{type: instance}")


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        Image.effect_noise((64, 48), 90 + number).convert("RGB").save(folder / f"{number}.png")
    return folder


def records(folder, task="semantic"):
    lines = [json.loads(line) for line in (folder / f"manifest_{task}.jsonl").read_text().splitlines()]
    return lines[0]["settings"], {line["input"]: line for line in lines if "input" in line}


def test_a_bad_image_is_tried_again_and_the_others_are_left_out(checkpoint, images, tmp_path, capsys):
    whole = (images / "2.png").read_bytes()
    (images / "2.png").write_text("no image")
    words = ["predict", str(checkpoint), str(images), "--output", str(tmp_path / "out")]
    assert main(words) == 1
    settings, found = records(tmp_path / "out")
    assert settings["task"] == "semantic"
    assert len(settings["checkpoint"]) == 64
    assert found[f"{images}/2.png"]["error"].startswith(f"{images}/2.png: ")
    assert found[f"{images}/3.png"]["files"].keys() == {"semantic/3.png", "overlays/3_semantic.png"}
    (images / "2.png").write_bytes(whole)
    done = tmp_path / "out/semantic/1.png"
    before = done.stat().st_mtime_ns
    capsys.readouterr()
    assert main([*words, "--resume"]) == 0
    assert "4 of 4 images segmented (semantic, 3 of them before), " in capsys.readouterr().out
    assert done.stat().st_mtime_ns == before
    assert (tmp_path / "out/semantic/2.png").exists()
    assert not any("error" in record for record in records(tmp_path / "out")[1].values())


def test_other_settings_and_another_checkpoint_are_refused(checkpoint, images, tmp_path, capsys):
    words = ["predict", str(checkpoint), str(images / "0.png"), "--output", str(tmp_path / "out"), "--resume"]
    assert main(words) == 0
    assert main([*words, "--window", "64", "--output-format", "zip"]) == 1
    assert "window was not given, is 64; output_format was folder, is zip. Use the" in capsys.readouterr().err
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    config = other / "config.yaml"
    (other / "SHA256SUMS").unlink()
    config.write_text(config.read_text() + "# changed\n")
    assert main([*words[:1], str(other), *words[2:]]) == 1
    assert "the results there have other settings: checkpoint was " in capsys.readouterr().err


def test_archives(checkpoint, images, tmp_path):
    words = ["predict", str(checkpoint), str(images), "--task", "panoptic", "--output"]
    assert main([*words, str(tmp_path / "zip"), "--output-format", "zip"]) == 0
    assert main([*words, str(tmp_path / "tar"), "--output-format", "webdataset"]) == 0
    with zipfile.ZipFile(tmp_path / "zip/panoptic_000_000000.zip") as shard:
        assert set(shard.namelist()) == {
            *(f"panoptic/{number}.png" for number in range(4)),
            *(f"overlays/{number}_panoptic.png" for number in range(4)),
        }
    with tarfile.open(tmp_path / "tar/panoptic_000_000000.tar") as shard:
        assert shard.getnames()[:3] == ["0.panoptic.png", "0.overlay.png", "0.json"]
        about = json.load(shard.extractfile("0.json"))
        assert about["input"] == f"{images}/0.png"
        assert [entry["file_name"] for entry in about["entries"]] == ["0.png"]
        assert Image.open(shard.extractfile("0.panoptic.png")).size == (64, 48)
    lists = [(tmp_path / name / "panoptic.json").read_text() for name in ("zip", "tar")]
    assert lists[0] == lists[1]
    assert len(json.loads(lists[0])["annotations"]) == 4


def test_a_format_whose_files_name_each_other_is_refused(checkpoint, images, tmp_path, capsys):
    words = ["--task", "instance", "--output-format", "webdataset", "--result-format", "cityscapes"]
    assert main(["predict", str(checkpoint), str(images), "--output", str(tmp_path / "out"), *words]) == 2
    assert "'webdataset' cannot hold the files of --result-format cityscapes" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="this starts processes on a CPU")
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_two_processes_killed_and_gone_on_with_by_one(checkpoint, images, tmp_path):
    for copy in range(40):
        shutil.copyfile(images / "0.png", images / f"copy_{copy:02}.png")
    output = tmp_path / "out"
    words = [checkpoint, images, "--task", "panoptic", "--output", output, "--resume"]
    running = Forked(2, PREDICT, *words)
    while len(list(output.glob("overlays/*.png"))) < 4:
        time.sleep(0.02)
    for pid in running.pids:
        os.kill(pid, signal.SIGKILL)
    assert running.finish().returncode != 0
    assert not (output / "panoptic.json").exists()
    done = finish_forked(None, PREDICT, *words)
    assert done.returncode == 0, done.stderr
    assert "of them before" in done.stdout
    assert list(output.rglob("*.writing")) == []
    assert len(list(output.glob("panoptic/*.png"))) == len(list(output.glob("overlays/*.png"))) == 44
    names = [entry["file_name"] for entry in json.loads((output / "panoptic.json").read_text())["annotations"]]
    assert names == sorted(f"{file.stem}.png" for file in images.iterdir())
    assert list(records(output, "panoptic")[1]) == sorted(map(str, images.iterdir()))
