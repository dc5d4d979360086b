"""Derivatives of derivatives that nobody computes: an error, where 0 would be wrong."""

import pytest
import torch

from segkit.registries import LOSSES


@pytest.mark.parametrize("name", ["focal", "dice", "binary_cross_entropy"])
class TestMaskLosses:
    def value(self, name, logits):
        targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
        return LOSSES.get(name)()(logits, targets, None)

    def test_a_penalty_on_the_gradient_is_refused(self, name):
        logits = torch.randn(2, 3, requires_grad=True)
        value = self.value(name, logits).sum()
        (gradient,) = torch.autograd.grad(value, logits, create_graph=True)
        with pytest.raises(NotImplementedError, match=r"^mask losses have no second derivatives:"):
            (value + gradient.pow(2).sum()).backward()

    def test_a_gradient_by_what_a_value_is_multiplied_with(self, name):
        """It needs the first derivative alone."""
        logits, weights = torch.randn(2, 3, requires_grad=True), torch.rand(2, requires_grad=True)
        (gradient,) = torch.autograd.grad((self.value(name, logits) * weights).sum(), logits, create_graph=True)
        (by_weights,) = torch.autograd.grad(gradient.sum(), weights)
        expected = torch.autograd.grad(self.value(name, logits).sum(), logits)[0].sum(1)
        torch.testing.assert_close(by_weights, expected)

    def test_functions_of_functions_are_refused(self, name):
        def total(logits):
            return self.value(name, logits).sum()

        logits = torch.randn(2, 3)
        assert torch.func.grad(total)(logits).any()
        with pytest.raises(NotImplementedError, match=r"^mask losses have no second derivatives:"):
            torch.func.jacrev(torch.func.grad(total))(logits)
