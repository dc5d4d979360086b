"""What a training needs to continue exactly where it stopped."""

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from segkit.errors import CheckpointError
from segkit.training.state import SavedState, TrainingState, write_state


@pytest.fixture
def accelerator():
    return Accelerator()


def trained():
    """A model and an optimizer whose running means are not zero."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    step(model, optimizer)
    return model, optimizer


def save_state(folder, state, optimizer, accelerator):
    write_state(folder / "training_state.pt", state, optimizer, accelerator, {"counter": {"steps": 7}})


def step(model, optimizer):
    model(torch.rand(4, 3)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_a_training_continues_where_it_stopped(tmp_path, accelerator):
    model, optimizer = trained()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = TrainingState(step=7, best=0.5, evaluations_without_best=2)
    save_state(tmp_path, state, optimizer, accelerator)
    torch.manual_seed(1)
    step(model, optimizer)

    other = nn.Linear(3, 2)
    other.load_state_dict(weights)
    fresh = torch.optim.AdamW(other.parameters(), lr=0.1)
    saved = SavedState(tmp_path)
    assert saved.state == state
    assert saved.hooks == {"counter": {"steps": 7}}
    saved.restore(fresh, accelerator)
    torch.manual_seed(1)
    step(other, fresh)
    assert torch.equal(other.weight, model.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["training_state.pt"]


def test_a_run_without_evaluation_has_no_best(tmp_path, accelerator):
    _, optimizer = trained()
    save_state(tmp_path, TrainingState(step=1), optimizer, accelerator)
    assert SavedState(tmp_path).state == TrainingState(1, None, 0)


@pytest.mark.parametrize("left", [0, 100, 1000])
def test_a_damaged_state_is_named(tmp_path, accelerator, left):
    _, optimizer = trained()
    save_state(tmp_path, TrainingState(), optimizer, accelerator)
    file = tmp_path / "training_state.pt"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(CheckpointError) as caught:
        SavedState(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{file}: the training cannot be resumed from it (")
    assert message.endswith(
        f"). Resume with the config it was made with, or start a new training with init_from={tmp_path}."
    )
    assert len(message.splitlines()) == 1


def test_the_state_of_another_model_is_refused(tmp_path, accelerator):
    _, optimizer = trained()
    save_state(tmp_path, TrainingState(), optimizer, accelerator)
    other = torch.optim.AdamW([{"params": [one]} for one in nn.Linear(3, 2).parameters()])
    saved = SavedState(tmp_path)
    with pytest.raises(CheckpointError, match=r"has groups of \[2\] parameters there, and of \[1, 1\] now"):
        saved.restore(other, accelerator)


def test_the_state_of_another_optimizer_is_refused(tmp_path, accelerator):
    model, optimizer = trained()
    save_state(tmp_path, TrainingState(), optimizer, accelerator)
    saved = SavedState(tmp_path)
    with pytest.raises(CheckpointError, match=r"state of the optimizer torch\.optim\.adamw\.AdamW, which"):
        saved.restore(torch.optim.SGD(model.parameters(), lr=0.1), accelerator)
    saved.restore(accelerator.prepare(torch.optim.AdamW(model.parameters())), accelerator)


def test_states_of_earlier_versions_were_saved_after_their_evaluation():
    assert TrainingState(**{"step": 7, "best": 0.5, "evaluations_without_best": 2}).evaluated == 7
