"""The per-pixel baselines: shapes, padding, gradients, and one query per class."""

import pytest
import torch

from segkit.build import build_criterion, build_model, dataset_classes
from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.types import PixelPrediction
from tests.helpers.tiny import empty_target, halves_target, write_tiny

NAMES = ["per_pixel", "per_pixel with queries"]


def built(folder, name, *overrides):
    torch.manual_seed(0)
    config = load_config(write_tiny(folder, name), list(overrides))
    return build_model(config).eval(), config


def random_images(*size):
    return torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "layers"), [(NAMES[0], 1), (NAMES[1], 2)])
def test_shapes(tmp_path, name, layers):
    model, _ = built(tmp_path, name)
    prediction = model(random_images(64, 96))
    assert isinstance(prediction, PixelPrediction)
    assert [layer.pixel_logits.shape for layer in prediction.layers] == [(2, 8, 8, 12)] * layers
    assert prediction.layers[-1] is prediction


@pytest.mark.parametrize("name", NAMES)
def test_padding_does_not_change_the_prediction(tmp_path, name):
    model, _ = built(tmp_path, name)
    black, white = random_images(64, 96), random_images(64, 96)
    for images, value in ((black, 0), (white, 255)):
        images[0, :, 48:], images[0, :, :, 64:] = value, value
    sizes = [(48, 64), (64, 96)]
    with torch.no_grad():
        assert torch.equal(model(black, sizes).pixel_logits, model(white, sizes).pixel_logits)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_in_a_batch_is_an_image_alone(tmp_path, name):
    model, _ = built(tmp_path, name)
    images = random_images(64, 64)
    with torch.no_grad():
        together, alone = model(images).pixel_logits[1:], model(images[1:]).pixel_logits
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("empty", [False, True])
def test_every_parameter_learns(tmp_path, name, empty):
    model, config = built(tmp_path, name)
    criterion = build_criterion(config, dataset_classes(config))
    target = empty_target((64, 64)) if empty else halves_target((64, 64))
    report = criterion(model.train()(random_images(64, 64)), [target, target])
    report.total.backward()
    assert (report.total == 0) == empty
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_without_class_head_there_is_none(tmp_path):
    model, _ = built(tmp_path, NAMES[1])
    assert [name for name in model.state_dict() if "class_head" in name or "classifier" in name] == []


def test_another_number_of_queries_than_classes_is_refused(tmp_path):
    model, _ = built(tmp_path, NAMES[1], "model.transformer_decoder.num_queries=5")
    with pytest.raises(ConfigError) as caught:
        model(random_images(64, 64))
    assert str(caught.value) == (
        "model.transformer_decoder.num_queries: model 'per_pixel' needs one query per class, 8 for this dataset, not "
        "5. Set it to 'classes'."
    )
