"""Two processes on a CPU, without a change to the YAML. Some are started as users start them, the others as quickly."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from segkit.build import build_dataset
from segkit.cli._exit_codes import DONE, STOPPED
from segkit.config import load_config
from segkit.training.batches import batches_of_step
from segkit.training.dump import read_processes
from tests.helpers.equal_batches import assert_equal_batches
from tests.helpers.equal_steps import PIXELS, QUERIES, SPLITS, assert_equal_losses, write_config
from tests.helpers.forked import finish_forked, start_forked
from tests.helpers.launched import TEST, TORCHRUN, TRAIN, finish, start
from tests.helpers.tiny import assert_equal_weights, evaluations_of, lines_of, write_tiny
from tests.test_parts import mask_folder

ROOT = Path(__file__).parents[2]
ACCELERATE = ["-m", "accelerate.commands.launch", "--cpu"]
"""On a CPU it starts one process, unless MPI is there."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="these start processes on a CPU"),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module")
def run(folder):
    """Two steps of two processes, of which an average of the weights is evaluated."""
    config = write_tiny(folder)
    steps = ["training.steps=2", "training.accumulate=2", "training.checkpoint_every=1"]
    steps.append("training.hooks=[{type: ema, decay: 0.5}]")
    start(*TORCHRUN, TRAIN, config, *steps, "--output", folder / "run")
    return folder / "run"


def test_there_is_one_run(run):
    environment = json.loads((run / "environment.json").read_text())
    assert environment["num_processes"] == 2
    assert environment["effective_batch"] == 8
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2]
    assert len(evaluations_of(run)) == 1
    assert len(list((run / "evaluation/overlays").glob("*.png"))) == 6
    assert [path.name for path in run.parent.iterdir() if path.is_dir()] == ["run"]


@pytest.mark.parametrize("processes", [None, 2], ids=["one process", "two processes"])
def test_one_process_finds_the_metrics_that_two_found(run, folder, processes):
    """Also of the running statistics, which every process updates on its own."""
    output = folder / f"tested_by_{processes}"
    start_forked(processes, TEST, run / "best", "--output", output, "--save-predictions")
    found, expected = (json.loads((path / "metrics.json").read_text()) for path in (output, run / "evaluation"))
    assert found == expected
    predictions = sorted(str(path.relative_to(output)) for path in output.rglob("semantic/*.png"))
    assert len(predictions) == 3


def test_a_run_of_two_is_resumed_by_two(run, folder):
    """To the same weights: dropout's random numbers, each process's own, go on too."""
    copy = shutil.copytree(run, folder / "copies" / "run")
    shutil.rmtree(copy / "checkpoints/step_2")
    output = start_forked(2, TRAIN, copy / "config.yaml", "--resume", "--output", copy)
    assert "resumed from" in output
    assert [line["step"] for line in lines_of(copy) if "losses" in line] == [1, 2]
    for name in ("last", "best"):  # the average, with its running statistics, goes on too
        assert_equal_weights(copy / name, run / name)


def test_a_limit_of_time_stops_all_processes_after_the_same_step(folder):
    """Each says so, also where the time is over before the first step: 8 seconds are little on a slow machine."""
    settings = ["training.steps=100000", "--max-time", "8", "--output", folder / "limited"]
    done = finish(*TORCHRUN, TRAIN, write_tiny(folder), *settings)
    assert "exitcode  : 75" in done.stderr
    stops = re.findall(r"^stopped at step (\d+) of 100000 by --max-time$", done.stderr, re.M)
    assert len(stops) == 2
    assert len(set(stops)) == 1


def test_accelerate_launches_it(tmp_path):
    start(*ACCELERATE, TRAIN, write_tiny(tmp_path), "training.steps=1", "--output", tmp_path / "run")
    assert json.loads((tmp_path / "run/environment.json").read_text())["num_processes"] == 1
    assert [line["step"] for line in lines_of(tmp_path / "run") if "losses" in line] == [1]


PROGRAM = '''
"""Gradients of the criterion over two processes, each with half of a batch of four images."""
import sys
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from segkit.criterion import Criterion, WeightedLoss
from segkit.registries import LOSSES, MATCHERS
from segkit.types import Prediction, Target

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.queries = nn.Conv2d(3, 8, 1), nn.Parameter(torch.randn(5, 8))

    def forward(self, images):
        queries = self.queries.expand(len(images), -1, -1)
        return Prediction(torch.zeros(len(images), 5, 4), queries, self.features(images))

def case(part):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, 3, 8, 8, generator=generator)
    targets = []
    for count in (1, 4, 2, 0):
        segment_map = torch.randint(-1, max(count, 0), (16, 16), generator=generator, dtype=torch.int16)
        targets.append(Target(torch.randint(0, 3, (count,), generator=generator), segment_map))
    return images[part], targets[part]

torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
torch.manual_seed(0)
model = Tiny()
losses = [WeightedLoss("focal", LOSSES.get("focal")(), 20.0), WeightedLoss("dice", LOSSES.get("dice")(), 1.0)]
criterion = Criterion(losses, MATCHERS.get("hungarian")(), True, False)
shared = DistributedDataParallel(model)
images, targets = case(slice(2 * rank, 2 * rank + 2))
criterion(shared(images), targets).total.backward()
gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
torch.distributed.barrier()
torch.distributed.destroy_process_group()
if rank == 0:
    torch.manual_seed(0)
    alone = Tiny()
    images, targets = case(slice(None))
    criterion(alone(images), targets).total.backward()
    for name, parameter in alone.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-4, rtol=1e-4)
        assert parameter.grad.abs().sum() > 0, name
    print("equal")
'''


def test_mask_losses_of_two_processes_have_the_gradients_of_one(tmp_path):
    """Images of 1, 4, 2 and 0 segments: the number of masks is averaged over the processes."""
    (tmp_path / "program.py").write_text(PROGRAM)
    assert start_forked(2, tmp_path / "program.py").strip() == "equal"


def start_split(config, split, *settings):
    """Trains with the four images of a step split as `SPLITS` says."""
    processes, images, batches = SPLITS[split]
    run = config.parent / split.replace(" ", "")
    settings = [f"data.train.batch_size={images}", f"training.accumulate={batches}", *settings]
    start_forked(int(processes), TRAIN, config, *settings, "--output", run)
    return run


def test_two_processes_log_the_losses_of_one(tmp_path):
    """Also where the images of a process have no segment, and with accumulated batches."""
    config = write_config(tmp_path, QUERIES)
    runs = [start_split(config, split, "training.steps=2") for split in ("1 x 4", "both")]
    assert_equal_losses(runs[1], runs[0])


@pytest.mark.long
@pytest.mark.parametrize("parts", [QUERIES, PIXELS], ids=["queries", "pixels"])
def test_twenty_steps_have_the_same_losses_however_they_are_split(tmp_path, parts):
    config = write_config(tmp_path, parts)
    runs = [start_split(config, split) for split in SPLITS]
    for run in runs[1:]:
        assert_equal_losses(run, runs[0], steps=20)


def test_a_step_that_is_not_finite_is_skipped_by_all_processes_and_dumped_by_each(tmp_path):
    config = write_config(tmp_path, PIXELS)
    run = tmp_path / "run"
    settings = ["training.steps=3", "training.optimizer.lr=1e30", "training.on_nonfinite=skip", "training.accumulate=2"]
    output = start_forked(2, TRAIN, config, *settings, "--output", run)
    assert output.count("is skipped (") == 2
    assert {path.name for path in (run / "nonfinite/step_2").glob("*.pt")} == {"process_0.pt", "process_1.pt"}
    replayed = start_forked(None, ROOT / "tools/replay.py", run / "nonfinite/step_2", "--device", "cpu", "--trust")
    assert "first value that is not finite: the output of " in replayed
    experiment = load_config(run, trust=True).experiment
    split = experiment.data.train
    for step in (2, 3):
        found = batches_of_step(experiment.training, split, build_dataset(split), 16, step, num_processes=2)
        for ours, theirs in zip(found, read_processes(run / f"nonfinite/step_{step}"), strict=True):
            assert_equal_batches(ours, theirs.batches)


def test_processes_leave_out_the_same_bad_samples_as_one(tmp_path):
    """And all stop where there are too many."""
    folder = tmp_path / "data"
    folder.mkdir()
    dataset = {"type": "mask_folder", **mask_folder(folder)}
    for number in range(2, 8):
        for part in ("images", "labels"):
            shutil.copyfile(folder / part / "0.png", folder / part / f"{number}.png")
    (folder / "images/1.png").write_text("no image")
    settings = [f"data.train.dataset={json.dumps(dataset)}", "data.val=null", "data.train.on_bad_sample=skip"]
    settings += ["data.train.transforms=[{type: resize, size: [64, 64]}]", "training.steps=4"]
    config, splits = write_tiny(tmp_path), {1: "data.train.batch_size=4", 2: "data.train.batch_size=2"}
    found = []
    for processes, size in splits.items():
        start_forked(processes, TRAIN, config, *settings, size, "--output", tmp_path / f"run_{processes}")
        found.append([line for line in lines_of(tmp_path / f"run_{processes}") if "bad_samples" in line])
    assert found[0] == found[1]
    assert {one["index"] for line in found[0] for one in line["bad_samples"]} == {1}
    (folder / "images/2.png").write_text("no image")
    done = finish_forked(2, TRAIN, config, *settings, splits[2], "--output", tmp_path / "stopped")
    assert done.returncode != 0
    assert "data.train: 2 of 8 images cannot be loaded, more than 1 %." in done.stderr


STOPPING = """
from segkit.runtime.processes import leave_processes, make_accelerator
from segkit.training.stopping import Stopping

accelerator = make_accelerator("fp32", "cpu")
stopping = Stopping(accelerator)
assert stopping.agreed() is None
if accelerator.process_index == 1:
    stopping.request("a signal", complete=False)
assert stopping.agreed().reason == "a signal"
accelerator.wait_for_everyone()
leave_processes()
"""


LEFT = """
import sys
from pathlib import Path
from segkit.cli.main import main

code = main(["train", *sys.argv[1:]])
names = [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in names if "gloo" in name], names
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="lists threads as Linux does")
@pytest.mark.parametrize(
    ("settings", "code"),
    [(["training.steps=1"], DONE), (["training.steps=100000", "--max-time", "4"], STOPPED)],
    ids=["done", "stopped"],
)
def test_no_thread_of_the_connection_is_left_at_the_end(tmp_path, settings, code):
    """One that frees a tensor while Python ends would abort the process."""
    (tmp_path / "program.py").write_text(LEFT)
    words = [write_tiny(tmp_path), *settings, "--output", tmp_path / "run"]
    done = finish_forked(2, tmp_path / "program.py", *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert "strides" not in done.stderr  # torch's warning of the gradients' layout, about which nobody can do anything


def test_all_processes_stop_where_one_is_asked_to(tmp_path):
    (tmp_path / "program.py").write_text(STOPPING)
    start_forked(2, tmp_path / "program.py")
