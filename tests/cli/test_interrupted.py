"""`segkit predict` and `segkit test`, ended by signals: whole files of what was done, and how to go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.cli._failures import Terminated, leaving_whole_files
from segkit.cli.main import main
from segkit.inference.predictor import Predictor
from segkit.results.files import ResultWriter
from tests.helpers.checkpoints import save_checkpoint_of_instances
from tests.helpers.launched import PREDICT, ROOT, TORCHRUN

SIGNALS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}
TASKS = {"instance": "instances.json", "panoptic": "panoptic.json"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of random weights, with instances in every image."""
    folder = tmp_path_factory.mktemp("checkpoint")
    return str(save_checkpoint_of_instances(folder, "{type: instance}"))


@pytest.fixture(autouse=True)
def _interruptible():
    """A shell starts programs in the background with SIGINT ignored, and so might be these tests."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def names_in(file):
    """The images that a JSON file of results lists."""
    content = json.loads(file.read_text())
    entries = content["annotations"] if isinstance(content, dict) else content
    return {os.path.basename(entry.get("picture", entry["file_name"])) for entry in entries}


def assert_no_draft_is_left(folder):
    assert list(folder.rglob("*.writing")) == []
    for file in folder.rglob("*.png"):
        Image.open(file).load()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("task", TASKS)
def test_a_prediction_lists_the_images_that_were_done(checkpoint, images, tmp_path, monkeypatch, capsys, number, task):
    everything = Predictor.predict_many

    def interrupted(predictor, files, batch_size):
        for count, outcome in enumerate(everything(predictor, files, batch_size)):
            if count == 2:
                os.kill(os.getpid(), number)
            yield outcome

    words = ["predict", checkpoint, str(images), "--task", task, "--score-threshold", "0"]
    words += ["--output", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "predict_many", interrupted)
        code, word = SIGNALS[number]
        assert main(words) == code
    assert capsys.readouterr().err == (
        f"{word}: the files in {tmp_path}/out are whole, but not those of all images. To go on, run the same command "
        "with --resume.\n"
    )
    assert names_in(tmp_path / "out" / TASKS[task]) <= {"0.png", "1.png"}
    assert_no_draft_is_left(tmp_path / "out")
    assert main([*words, "--resume"]) == 0
    assert names_in(tmp_path / "out" / TASKS[task]) == {f"{number}.png" for number in range(4)}


@pytest.mark.parametrize("number", SIGNALS)
def test_an_evaluation_lists_the_images_that_were_done(checkpoint, tmp_path, monkeypatch, capsys, number):
    write, count = ResultWriter.write, 0

    def interrupted(writer, result, file, image_id):
        nonlocal count
        count += 1
        if count == 5:  # of three results an image
            os.kill(os.getpid(), number)
        write(writer, result, file, image_id)

    words = ["test", checkpoint, "--save-predictions", "--output", str(tmp_path / "out")]
    words.append("data.val.dataset={type: shapes, length: 3, size: [64, 64]}")
    with monkeypatch.context() as patch:
        patch.setattr(ResultWriter, "write", interrupted)
        code, word = SIGNALS[number]
        assert main(words) == code
    assert f"{word}: the files in {tmp_path}/out are whole" in capsys.readouterr().err
    found = {name: names_in(tmp_path / "out/predictions" / name) for name in TASKS.values()}
    assert [len(names) for names in found.values()] == [1, 1]
    assert not (tmp_path / "out/metrics.json").exists()
    assert_no_draft_is_left(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    assert main(words) == 0
    assert [len(names_in(tmp_path / "out/predictions" / name)) for name in TASKS.values()] == [3, 3]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="this starts processes on a CPU")
@pytest.mark.parametrize("number", SIGNALS)
def test_several_processes_leave_whole_files(checkpoint, images, tmp_path, number):
    """A later run, of one process, goes on with what they left."""
    output = tmp_path / "out"
    words = [checkpoint, str(images), "--task", "panoptic", "--output", str(output)]
    for copy in range(60):
        shutil.copyfile(images / "0.png", images / f"copy_{copy}.png")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, *TORCHRUN, PREDICT, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(list(output.glob("overlays/*.png"))) < 2:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    running.send_signal(number)
    message = running.communicate()[1]
    assert "the files in" in message, message
    assert not (output / "panoptic.json").exists()
    assert_no_draft_is_left(output)
    assert main(["predict", *words]) == 1  # it holds results
    assert main(["predict", *words, "--resume"]) == 0
    assert [file.name for file in output.glob("manifest_*")] == ["manifest_panoptic.jsonl"]
    assert len(names_in(output / "panoptic.json")) == 64


def test_ended_before_the_first_file(tmp_path):
    with pytest.raises(KeyboardInterrupt) as caught, leaving_whole_files(tmp_path / "out"):
        raise KeyboardInterrupt
    assert str(caught.value) == f"nothing was written into {tmp_path}/out. Run the same command again."
    (tmp_path / "out/semantic").mkdir(parents=True)
    (tmp_path / "out/semantic/a.png").touch()
    with pytest.raises(Terminated) as ended, leaving_whole_files(tmp_path / "out"):
        raise Terminated
    assert str(ended.value) == (
        f"the files in {tmp_path}/out are whole, but not those of all images. For all, remove them and run the same "
        "command again."
    )
