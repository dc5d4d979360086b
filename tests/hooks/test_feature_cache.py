"""Trainings that keep the features of a frozen backbone."""

from itertools import islice

import pytest
from torch import nn

from segkit.config import load_config
from segkit.errors import ConfigError, WriteError
from segkit.hooks.feature_cache import FeatureCache
from segkit.training.build import build_training
from segkit.training.run_folder import RunFolder
from segkit.training.train import train
from tests.helpers.tiny import assert_equal_weights, lines_of

VIT = "{type: vit_pyramid, name: vit_tiny_patch16_224, hidden_dim: 8, options: {depth: 1, embed_dim: 24, num_heads: 3}}"
SETTINGS = [
    f"model.backbone={VIT}",
    "model.backbone.frozen=true",
    "data.train.dataset.length=4",
    "data.train.transforms=[{type: random_flip}]",
    "training.checkpoint_every=2",
]
CACHE = "training.hooks=[{type: feature_cache, folder: features}]"


def losses_of(run):
    return [line["losses"]["total"] for line in lines_of(run) if "losses" in line]


def test_a_training_is_the_same_with_an_empty_a_full_and_no_cache_and_resumed(tiny, capsys):
    plain = train(load_config(tiny, SETTINGS), "plain")
    config = load_config(tiny, [*SETTINGS, CACHE])
    empty = train(config, "empty")
    assert "feature_cache: features: " in capsys.readouterr().out
    # Losses are logged to six digits; features have eight bits.
    assert losses_of(empty) == pytest.approx(losses_of(plain), rel=0.02)
    assert losses_of(empty) != losses_of(plain)
    full = train(config, "full")
    assert capsys.readouterr().out.count("feature_cache: features: 11 of 11 found (100 %)") == 1
    broken = build_training(config, RunFolder(tiny.parent / "broken"))
    broken.batches = islice(broken.batches, 3)
    with pytest.raises(StopIteration):
        broken.run()
    resumed = train(config, "broken", resume=True)
    for run in (full, resumed):
        assert_equal_weights(empty / "last", run / "last")
    # The transformer's map of 24 channels is kept, not the pyramid.
    sizes = {file.stat().st_size for file in (tiny.parent / "features").rglob("*.features")}
    assert all(2 * 24 * 4 * 4 < size < 2 * 24 * 4 * 4 + 200 for size in sizes)


def test_a_backbone_that_learns_is_refused(tmp_path):
    model = nn.Module()
    hook = FeatureCache(folder=str(tmp_path))
    message = (
        "hook 'feature_cache': the backbone of model Module is not frozen, so its features change with every step. Set "
        "model.backbone.frozen: true, or remove the hook."
    )
    for backbone in (nn.BatchNorm2d(3), nn.BatchNorm2d(3).requires_grad_(False)):
        model.backbone = backbone
        with pytest.raises(ConfigError) as caught:
            hook.on_model(model)
        assert str(caught.value) == message


def test_a_model_without_a_backbone_is_refused(tmp_path):
    with pytest.raises(ConfigError) as caught:
        FeatureCache(folder=str(tmp_path)).on_model(nn.Module())
    assert str(caught.value) == (
        "hook 'feature_cache': model Module has no part `backbone`, whose features could be kept. Remove the hook, or "
        "choose a model with one, such as mask_former."
    )


@pytest.mark.parametrize("folder", ["/proc/cache", "a_file/cache"])
def test_a_folder_that_cannot_be_made_ends_a_training_before_its_first_step(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    model = nn.Module()
    model.backbone = nn.Conv2d(3, 4, 1).requires_grad_(False).eval()
    with pytest.raises(
        WriteError, match=rf"^hook 'feature_cache': folder: {folder}: cannot be written \(.*\)\. Name an"
    ):
        FeatureCache(folder=folder).on_model(model)


def test_an_empty_path_is_refused_before_anything_is_built(tiny):
    with pytest.raises(ConfigError) as caught:
        load_config(tiny, ["model.backbone.frozen=true", "training.hooks=[{type: feature_cache, folder: ' '}]"])
    assert str(caught.value) == "<command line>: training.hooks.0.folder: the path is empty. Name a folder."
