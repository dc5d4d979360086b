"""Which cases are meant; that those without a model give equal outputs in both programs."""

import dataclasses
import pickle

import pytest
import torch
from benchmarking import losses, postprocessing, preprocessing
from benchmarking.case import Options, UnequalOutputs
from benchmarking.cases import CASES, chosen
from benchmarking.peer import PEERS

from segkit.errors import SegkitError

SMALL = Options(torch.device("cpu"), scale=0.25)


def names(*wanted, **against):
    return [case.name for case in chosen(wanted, **against)]


def test_cases_by_name_or_beginning():
    assert names() == [case.name for case in CASES if case.peer == "transformers"]
    assert names("instance") == ["instance"]
    assert names("instance_c", "matching") == ["matching", "instance_coco"]
    assert names("forward_r50") == ["forward_r50"]
    assert names("forward_") == ["forward_r50", "forward_r50_bf16", "forward_swin_t", "forward_swin_t_bf16"]


def test_cases_of_another_peer():
    assert names(against="panopticapi") == ["panoptic_quality"]
    assert names("panoptic", against="panopticapi") == ["panoptic_quality"]
    assert names("panoptic") == ["panoptic"]
    assert {case.peer for case in CASES} == set(PEERS)


@pytest.mark.parametrize(
    ("name", "against", "message"),
    [
        (
            "panoptic_q",
            "transformers",
            "--only: 'panoptic_q' is not compared with transformers; --against panopticapi measures it.",
        ),
        (
            "matching",
            "panopticapi",
            "--only: 'matching' is not compared with panopticapi; --against transformers measures it.",
        ),
        (
            "panoptic_qualty",
            "panopticapi",
            "--only: there is no case 'panoptic_qualty'. Did you mean 'panoptic_quality'? There are: panoptic_quality",
        ),
    ],
)
def test_no_such_case_of_this_peer(name, against, message):
    with pytest.raises(SegkitError) as caught:
        chosen([name], against)
    assert str(caught.value) == message


def test_names_are_distinct():
    assert len({case.name for case in CASES}) == len(CASES)


def test_cases_can_be_handed_to_another_process():
    again = pickle.loads(pickle.dumps(CASES))
    assert [str(case) for case in again] == [str(case) for case in CASES]


def test_no_such_case():
    with pytest.raises(SegkitError) as caught:
        chosen(["matchin_"])
    known = ", ".join(case.name for case in CASES if case.peer == "transformers")
    assert str(caught.value) == (f"--only: there is no case 'matchin_'. Did you mean 'matching'? There are: {known}")


@pytest.mark.parametrize(
    "make",
    [
        losses.matching,
        losses.mask_losses,
        losses.all_layers,
        preprocessing.preprocessing,
        postprocessing.semantic,
        postprocessing.panoptic,
        postprocessing.instance,
        postprocessing.instance_coco,
    ],
)
def test_both_programs_agree(make):
    workload = make(SMALL)
    workload.check()
    workload.ours()
    workload.theirs()


def test_a_wrong_loss_is_found(monkeypatch):
    right = losses.Criterion.forward

    def wrong(self, *arguments):
        report = right(self, *arguments)
        return dataclasses.replace(report, total=report.total * 1.001)

    monkeypatch.setattr(losses.Criterion, "forward", wrong)
    with pytest.raises(UnequalOutputs, match=r"^total loss: the largest difference is "):
        losses.mask_losses(SMALL).check()
