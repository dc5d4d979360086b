"""Error messages about hooks."""

import torch

from segkit import Hook
from segkit.testing import check_hook
from tests.helpers.contract_errors import error_message


class NoHook:
    pass


class Overwriting(Hook):
    def on_start(self, context):
        with torch.no_grad():
            context.model[0].bias.fill_(3.0)


class EvaluatesNothing(Hook):
    def before_evaluation(self, context):
        context.evaluated_model = 3


class ListState(Hook):
    def state(self):
        return [1]


class Forgetful(Hook):
    def __init__(self):
        self.steps = 0

    def after_step(self, context):
        self.steps += 1

    def state(self):
        return {"steps": self.steps}


def test_a_class_of_another_kind():
    assert error_message(check_hook, NoHook) == (
        "hook NoHook lacks methods of a hook. Derive the class from segkit.Hook."
    )


def test_weights_changed_at_the_start():
    assert error_message(check_hook, Overwriting) == (
        "hook Overwriting changes 0.bias in on_start. Leave the weights as they are there."
    )


def test_an_evaluated_model_that_is_none():
    assert error_message(check_hook, EvaluatesNothing) == (
        "hook EvaluatesNothing sets evaluated_model to an int. Set a model."
    )


def test_a_state_that_is_no_dict():
    assert "state returned a list, not a dict" in error_message(check_hook, ListState)


def test_a_state_that_is_not_loaded():
    assert error_message(check_hook, Forgetful) == (
        "hook Forgetful and another instance that has loaded its state differ in steps right after it has loaded it. "
        "Return all that the hook keeps from state, and set it in load_state."
    )
