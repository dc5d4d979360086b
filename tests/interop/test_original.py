"""Original checkpoints give the original's numbers: golden results of that program, with weights made from names."""

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from segkit.build import build_criterion, build_model
from segkit.classes import Classes
from segkit.config import load_config
from segkit.errors import CheckpointError
from segkit.interop.original import import_original, load_original
from segkit.registries import POSTPROCESSORS
from segkit.types import ImageSizes, Target
from tests.helpers.originals import (
    CONFIGS,
    PANOPTIC,
    R50,
    R101C,
    ROOT,
    SWIN_T,
    Unfilled,
    classes_of,
    made_tensor,
    older,
    read_facts,
)

of_queries = pytest.mark.parametrize("golden", [R50, R101C, SWIN_T, PANOPTIC], indirect=True)
of_all = pytest.mark.parametrize("golden", CONFIGS, indirect=True)

BOUND = 1e-4
"""Tolerance for float32 sums in another order, relative to a tensor's largest value."""
SIZES = [ImageSizes(padded=(64, 96), unpadded=(64, 96), output=(50, 80))]


@pytest.fixture(scope="module")
def golden(request, shared_golden, tmp_path_factory):
    """One golden result, and the model imported for it from an original file, with the outputs of both."""
    name = request.param
    shapes, count = read_facts(shared_golden, name)
    # The newer names for these, the older ones for the others; another test reads both for one model.
    rename = older if name in (R101C, SWIN_T) else str
    tensors = {rename(key): made_tensor(key, shape) for key, shape in shapes.items()}
    file = tmp_path_factory.mktemp("original") / "model_final_123abc.pkl"
    with file.open("wb") as stream:
        pickle.dump({"model": tensors, "__author__": "nobody"}, stream, protocol=4)
    config = load_config(ROOT / f"configs/{CONFIGS[name]}.yaml")
    things = [index < 80 for index in range(count)] if name == PANOPTIC else None
    classes = Classes.make([f"class {index}" for index in range(count)], things)
    imported = import_original(file, config, classes)
    model, report = imported.model, imported.report
    file.unlink()
    results = np.load(shared_golden / f"original/{name}.npz")
    images = torch.from_numpy(results["image"])[None]
    with torch.no_grad():
        features = model.backbone(model.normalization(images))
        prediction = model(images)
    return SimpleNamespace(
        name=name,
        results=results,
        config=config,
        classes=classes,
        model=model,
        report=report,
        features=features,
        prediction=prediction,
        tensors=tensors,
    )


def close(ours, theirs):
    theirs = torch.from_numpy(np.asarray(theirs))
    return float((ours - theirs).abs().max()) <= BOUND * float(theirs.abs().max())


def close_in_short(ours, results, key):
    """Compares mean and standard deviation, relative to the standard deviation."""
    std = float(results[f"{key}_std"])
    return abs(float(ours.mean()) - float(results[f"{key}_mean"])) <= BOUND * std and (
        abs(float(ours.std()) - std) <= BOUND * std
    )


@of_all
def test_every_tensor_is_loaded(golden):
    assert golden.report.complete
    assert len(golden.report.loaded) == len(golden.tensors) == len(golden.model.state_dict())
    assert not golden.model.training


@of_all
def test_features_of_the_backbone(golden):
    for level, feature in enumerate(golden.features):
        assert close_in_short(feature, golden.results, f"feature_res{level + 2}")


@of_queries
def test_logits_and_masks_of_every_layer(golden):
    *auxiliary, last = golden.prediction.layers
    assert close(last.class_logits, golden.results["pred_logits"])
    assert close(last.mask_logits, golden.results["pred_masks"])
    assert len(auxiliary) == 5
    for index, layer in enumerate(auxiliary):
        assert close_in_short(layer.class_logits, golden.results, f"aux{index}_logits")
        assert close_in_short(layer.mask_logits, golden.results, f"aux{index}_masks")


@of_all
def test_semantic_result(golden):
    (result,) = POSTPROCESSORS.get("semantic")(golden.classes)(golden.prediction, SIZES)
    sure = torch.from_numpy(golden.results["sem_seg_margin"]) > BOUND
    assert sure.float().mean() > 0.5
    assert torch.equal(result.label_map[sure], torch.from_numpy(golden.results["sem_seg"])[sure])


@of_queries
def test_matching_and_losses(golden):
    results = golden.results
    masks = torch.from_numpy(results["target_masks"]).bool()
    targets = [Target(torch.from_numpy(results["target_labels"]).long(), overlapping_masks=masks)]
    criterion = build_criterion(golden.config, golden.classes)
    (((queries, segments),),) = criterion.matcher([golden.prediction], targets)
    assert queries.tolist() == results["match_query"].tolist()
    assert segments.tolist() == results["match_target"].tolist()

    with torch.no_grad():
        report = criterion(golden.prediction, targets)
    theirs = {"cross_entropy": "loss_ce", "focal": "loss_mask", "dice": "loss_dice"}
    for name, loss in theirs.items():
        for suffix in ("", *range(5)):
            ours = report.parts[name if suffix == "" else f"{name}/{suffix}"]
            expected = results[f"loss/{loss}" if suffix == "" else f"loss/{loss}_{suffix}"]
            assert float(ours) == pytest.approx(float(expected), rel=BOUND)
    assert len([key for key in results.files if key.startswith("loss/")]) == len(report.parts)
    assert float(report.total) == pytest.approx(float(results["loss_total"]), rel=BOUND)


@pytest.mark.parametrize("golden", [PANOPTIC], indirect=True)
def test_panoptic_result(golden):
    """The original finds no segment in this image, because its queries cover each other."""
    panoptic = POSTPROCESSORS.get("panoptic")
    (result,) = panoptic(golden.classes, score_threshold=0.0, overlap_threshold=0.8)(golden.prediction, SIZES)
    segments = [(segment.id, segment.label, segment.is_thing) for segment in result.segments]
    theirs = json.loads(str(golden.results["panoptic_segments"]))
    assert segments == [(segment["id"], segment["category_id"], segment["isthing"]) for segment in theirs]
    assert np.array_equal(result.segment_map, golden.results["panoptic_threshold0"])


@pytest.mark.parametrize("name", CONFIGS)
def test_both_generations_of_names(shapes, name):
    unfilled = Unfilled(CONFIGS[name], num_classes=133 if name == PANOPTIC else 150)
    newer = shapes(name)
    older_names = {older(key): shape for key, shape in newer.items()}
    assert older_names.keys() != newer.keys()
    assert len(newer) == len(unfilled.model.state_dict())
    for given in (newer, older_names):
        assert set(unfilled.load(given).loaded) == given.keys()


def test_both_names_of_one_tensor(shapes):
    both = shapes(R50) | {"sem_seg_head.layer_2.weight": (256, 256, 3, 3)}
    with pytest.raises(CheckpointError) as caught:
        Unfilled(CONFIGS[R50]).load(both)
    assert str(caught.value) == (
        "model.pkl: model: sem_seg_head.pixel_decoder.layer_2.weight and sem_seg_head.layer_2.weight are the older "
        "and the newer name of one tensor. Give a file with only one of them."
    )


def larger_swin(tiny, width, window):
    """Returns Swin-T's tensors as those of a Swin with 18 blocks in the third stage and another width and window."""

    def grown(name, shape):
        if name.endswith("relative_position_bias_table"):
            return (2 * window - 1) ** 2, shape[1] * width // 96
        if name == "backbone.patch_embed.proj.weight":
            return width, *shape[1:]
        if name.startswith("backbone."):
            return tuple(size * width // 96 for size in shape)
        if len(shape) == 4 and shape[1] != 256:
            return shape[0], shape[1] * width // 96, *shape[2:]
        return shape

    swin = {name: grown(name, shape) for name, shape in tiny.items()}
    first = [name for name in swin if name.startswith("backbone.layers.2.blocks.0.")]
    for block in range(18):
        swin |= {name.replace(".blocks.0.", f".blocks.{block}."): swin[name] for name in first}
    return swin


@pytest.mark.parametrize(("size", "width", "window"), [("small", 96, 7), ("base", 128, 12), ("large", 192, 12)])
def test_larger_swins(shapes, size, width, window):
    unfilled = Unfilled(f"mask_former/ade20k_swin_{size}")
    swin = larger_swin(shapes(SWIN_T), width, window)
    report = unfilled.load(swin)
    assert set(report.loaded) == set(swin)
    assert len(swin) == len(unfilled.model.state_dict())


@pytest.mark.filterwarnings("ignore:for .*num_batches_tracked. copying from a non-meta parameter")
def test_tensors_that_carry_nothing_are_reported_and_left(shapes):
    index = "backbone.layers.0.blocks.0.attn.relative_position_index"
    report = Unfilled(CONFIGS[SWIN_T]).load(shapes(SWIN_T) | {"criterion.empty_weight": (151,), index: (49, 49)})
    assert report.unexpected == ["criterion.empty_weight", index]
    assert report.missing == report.reshaped == []

    counter = "backbone.stem.conv1.norm.num_batches_tracked"
    frozen, trained = Unfilled(CONFIGS[R50]), Unfilled(CONFIGS[R50], ["model.backbone.freeze_batch_norm=false"])
    assert frozen.load(shapes(R50) | {counter: ()}).unexpected == [counter]
    report = trained.load(shapes(R50))
    assert len(report.missing) == 53
    assert all(name.endswith(".num_batches_tracked") for name in report.missing)
    assert counter in trained.load(shapes(R50) | {counter: ()}).loaded


def test_the_pixel_mean_is_the_configs(shapes):
    small = load_config(ROOT / "configs/quickstart.yaml")
    model = build_model(small, classes_of(8), initial_weights=False)
    tensors = {"pixel_mean": torch.tensor([103.53, 116.28, 123.675]).view(3, 1, 1)}
    with pytest.raises(CheckpointError) as caught:
        load_original(model, tensors, "model.pkl", small)
    assert str(caught.value) == (
        "model.pkl: pixel_mean is [103.53, 116.28, 123.675] in the file, [123.675, 116.28, 103.53] in the config's "
        "model. Set model.pixel_mean to the file's, in the order red, green, blue."
    )
    unfilled = Unfilled(CONFIGS[R50])
    unfilled.model.normalization = model.normalization
    same = {"pixel_mean": torch.tensor([123.675, 116.28, 103.53]), "pixel_std": torch.tensor([58.395, 57.12, 57.375])}
    report = unfilled.load(shapes(R50), **same)
    assert report.complete
    assert set(report.loaded) == set(shapes(R50)) | set(same)


def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps({"model": {"backbone.stem.conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}}))
    with pytest.raises(CheckpointError, match=r"^.*model\.pkl: does not fit the model of .*quickstart\.yaml:"):
        import_original(file, load_config(ROOT / "configs/quickstart.yaml"), classes_of(8))
    assert list(tmp_path.iterdir()) == [file]
