"""Images of five bands of 16 bits, of which only the last tells the class: trained, resumed, tested, predicted."""

import shutil

import numpy as np
import pytest
import torch

import segkit
from segkit.errors import ConfigError, DataError
from segkit.training.train import train
from tests.helpers.band_files import PIXELS, write_bands
from tests.helpers.tiny import assert_equal_weights

MODEL = {
    "type": "per_pixel",
    "backbone": {"type": "timm", "name": "resnet10t", "options": {"out_indices": [1, 2]}},
    "pixel_decoder": {"type": "fpn", "hidden_dim": 16, "mask_dim": 16},
    **PIXELS,
}


def config(data, **model):
    return segkit.load_config(
        {
            "model": {**MODEL, **model},
            "criterion": {"losses": [{"type": "pixel_cross_entropy"}]},
            "postprocessors": [{"type": "semantic"}],
            "evaluators": [{"type": "mean_iou"}],
            "data": {
                "train": {
                    "dataset": data["train"],
                    "batch_size": 8,
                    "workers": 0,
                    "transforms": [{"type": "random_flip"}],
                },
                "val": {"dataset": data["val"], "workers": 0},
            },
            "training": {
                "steps": 40,
                "optimizer": {"type": "adamw", "lr": 3e-3},
                "schedule": {"type": "poly"},
                "checkpoint_every": 30,
                "keep_checkpoints": 2,
            },
        }
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bands")
    return {"train": write_bands(folder / "train", 16), "val": write_bands(folder / "val", 6, seed=1)}


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return train(config(data), tmp_path_factory.mktemp("runs") / "run", device="cpu")


def test_the_class_is_learned_from_the_fifth_band(run):
    """Without it, both kinds of rectangles look alike: of each, at best half could be right, 0.65 in the mean."""
    assert segkit.evaluate(run, device="cpu")["mean_iou"].values["mean_iou"] > 0.7


def test_a_run_resumes_bit_equal(run, data, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copy / "checkpoints/step_40")
    train(config(data), copy, resume=True, device="cpu")
    assert_equal_weights(copy / "last", run / "last")


def test_files_arrays_and_windows_give_one_result(run, data, tmp_path):
    predictor = segkit.Predictor(run, device="cpu")
    file = f"{data['val']['images']}/0.npy"
    array = np.load(file)
    result = predictor(file)
    for source in (array, torch.from_numpy(array).permute(2, 0, 1)):
        assert torch.equal(predictor(source).label_map, result.label_map)
    assert result.plot(legend=False).size == (32, 32)
    windows = segkit.Predictor(run, window=32, augment=True, device="cpu")
    assert (windows(file).label_map == result.label_map).float().mean() > 0.8


def test_large_files_are_read_in_windows(run, data, monkeypatch):
    monkeypatch.setattr("segkit.inference.predictor.LARGE", 100)
    file = f"{data['val']['images']}/0.npy"
    large = segkit.Predictor(run, window=16, device="cpu")(file)
    whole = segkit.Predictor(run, window=16, device="cpu")(np.load(file))
    assert large.label_map.dtype == torch.uint8
    assert torch.equal(large.label_map.long(), whole.label_map)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            np.zeros((8, 8, 3), dtype=np.uint8),
            "an image of shape (3, 8, 8) and type uint8 has not 5 channels of uint16, as the model takes them. Give a "
            "path, a uint16 array of shape (H, W, 5), or a uint16 tensor of shape (5, H, W).",
        ),
        (np.full((8, 8, 5), np.nan), "an image of shape (5, 8, 8) and type float64 has not 5 channels of uint16, as "),
        (None, "a value of type NoneType has not 5 channels of uint16, as the model takes them. "),
    ],
)
def test_other_images_are_refused(run, image, message):
    with pytest.raises(DataError) as caught:
        segkit.Predictor(run, device="cpu")(image)
    assert str(caught.value).startswith(message)


def test_a_model_of_other_channels_is_refused_before_the_training(data, tmp_path):
    with pytest.raises(ConfigError) as caught:
        train(config(data, pixel_type="uint8", pixel_mean=None, pixel_std=None), tmp_path / "run", device="cpu")
    assert str(caught.value).startswith(
        "data.train.dataset: its images have 5 channels of uint16, but the model takes 3 channels of uint8."
    )
