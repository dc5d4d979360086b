"""Drawn inputs are what they are said to be, and the same every time."""

import torch

from segkit.benchmark.inputs import drawn_layers, drawn_picture, drawn_target, sure_prediction, their_targets

CPU = torch.device("cpu")


def test_targets():
    target = drawn_target((64, 96), 7, CPU)
    assert target.size == (64, 96)
    assert target.pixel_counts().min() > 0
    assert torch.equal(target.segment_map, drawn_target((64, 96), 7, CPU).segment_map)
    theirs = their_targets([target])
    assert theirs["mask_labels"][0].shape == (7, 64, 96)
    assert torch.equal(theirs["mask_labels"][0].sum(0), torch.ones(64, 96))


def test_layers():
    prediction = drawn_layers(2, 5, (8, 8), 3, CPU)
    assert len(prediction.layers) == 3
    assert prediction.mask_logits.shape == (2, 5, 8, 8)


def test_a_sure_prediction_sees_every_segment():
    target = drawn_target((64, 64), 5, CPU)
    prediction = sure_prediction(target, 20, (16, 16))
    scores, labels = prediction.class_logits[0].softmax(-1).max(-1)
    assert labels[:5].tolist() == target.labels.tolist()
    assert (scores[:5] > 0.9).all()
    assert (labels[5:] == 150).all()
    assert (((prediction.mask_logits[0, :5] > 0) == target.resized((16, 16)).masks).float().mean() > 0.99).all()


def test_pictures():
    picture = drawn_picture((40, 50))
    assert picture.shape == (3, 40, 50)
    assert picture.dtype == torch.uint8
    assert picture.float().std() > 10
