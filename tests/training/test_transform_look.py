"""What transforms leave of the images is known before the first step."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from segkit.config import load_config
from segkit.data.tally import Tally
from segkit.datasets.shapes import Shapes
from segkit.errors import DataError
from segkit.training.train import train
from segkit.training.transform_look import emptied_by_transforms, transformed_tally
from segkit.transforms.random_crop import RandomCrop


def emptying(sample):
    assert sample.target is not None
    return RandomCrop(size=(1, 1))(sample)


def test_random_numbers_of_the_training_stay_as_they_are():
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    assert transformed_tally(Shapes(length=2), [0, 1], [emptying]).images == 32
    assert torch.rand(()) == expected


def test_a_transform_that_hangs_is_told():
    def hanging(sample):
        threading.Event().wait()

    with pytest.raises(DataError, match=r"^data\.train: image 1 of the dataset is not loaded after 0\.5 seconds\. "):
        transformed_tally(Shapes(length=2), [1], [hanging], timeout=0.5)


def test_few_images_are_no_ground_for_a_warning():
    few = Tally(8)
    few.images = few.images_without_segments = 31
    full = Tally(8)
    full.images = 9
    assert emptied_by_transforms(few, full) == ""
    few.images = few.images_without_segments = 32
    assert emptied_by_transforms(few, full).startswith("data.train: 100 % of the images have no segment after the ")


def test_a_training_of_one_step_is_warned(tiny, tmp_path, capsys):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    label = np.zeros((48, 48), dtype=np.uint8)
    label[10:13, 10:13] = 1
    Image.fromarray(label).save(tmp_path / "labels/a.png")
    Image.new("RGB", (48, 48)).save(tmp_path / "images/a.png")
    dataset = f"{{type: instance_folder, images: {tmp_path}/images, labels: {tmp_path}/labels, classes: [cell]}}"
    crop = "[{type: random_crop, size: [2, 2]}]"
    changes = [f"data.train.dataset={dataset}", f"data.train.transforms={crop}", "training.steps=1", "data.val=null"]
    changes += ["evaluators=[]", "training.evaluate_every=null", "training.best_metric=null", "training.hooks=[]"]
    run = train(load_config(tiny, changes))
    shown = capsys.readouterr().out
    warning = "% of the images have no segment after the transforms, but only 0 % before them. Use larger crops, or"
    assert shown.count(warning) == 1
    assert warning in (run / "data_summary.json").read_text()
