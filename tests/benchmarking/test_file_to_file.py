"""An image file to a result file by both programs."""

import pytest
import torch
from benchmarking import file_to_file as module
from benchmarking.case import Options, UnequalOutputs

SMALL = Options(torch.device("cpu"), scale=0.125)


def test_label_maps_of_several_classes_are_the_same(tiny_bodies, monkeypatch):
    compared = []
    require = module.require_mostly_same
    monkeypatch.setattr(module, "require_mostly_same", lambda *a: compared.append(a) or require(*a))
    workload = module.file_to_file(SMALL)
    workload.check()
    ((_, ours, theirs, _),) = compared
    fractions = torch.bincount(theirs.flatten()) / theirs.numel()
    assert ours.shape == theirs.shape == (64, 64)
    assert (fractions > 0.05).sum() > 1


def test_another_model_is_found(tiny_bodies, monkeypatch):
    as_ours = module.as_ours

    def another(peer):
        imported = as_ours(peer)
        with torch.no_grad():
            imported.model.get_parameter("transformer_decoder.class_head.bias").copy_(torch.randn(151) * 3)
        return imported

    monkeypatch.setattr(module, "as_ours", another)
    workload = module.file_to_file(SMALL)
    with pytest.raises(UnequalOutputs, match=r"^label map of the image's size: "):
        workload.check()


def test_many_files_have_the_same_label_maps_as_in_the_pipeline(tiny_bodies, monkeypatch):
    monkeypatch.setattr(module, "MANY", 2)
    compared = []
    require = module.require_mostly_same
    monkeypatch.setattr(module, "require_mostly_same", lambda *a: compared.append(a) or require(*a))
    module.many_files(SMALL).check()
    assert [ours.shape for _, ours, _, _ in compared] == [(64, 64)] * 2
    assert all(theirs.min() >= 0 and len(theirs.unique()) > 1 for _, _, theirs, _ in compared)
