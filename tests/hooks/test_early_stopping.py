"""The patience, and that a training which was stopped stays stopped; tests/training/test_train.py trains with it."""

import pytest
from torch import nn

from segkit.hooks.early_stopping import EarlyStopping
from segkit.testing.hook import tiny_context


@pytest.mark.parametrize(("evaluations", "stops"), [(0, []), (2, []), (3, ["3 evaluations without a new best"])])
def test_the_patience(evaluations, stops):
    context = tiny_context(nn.Linear(1, 1), evaluations_without_best=evaluations)
    found = []
    context.stop = found.append
    hook = EarlyStopping(patience=3)
    hook.on_start(context)
    assert found == stops
    hook.after_evaluation(context, {"mean_iou": 0.5})
    assert found == 2 * stops
