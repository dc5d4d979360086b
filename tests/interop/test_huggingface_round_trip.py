"""Hugging Face -> segkit -> Hugging Face returns every tensor, in folders that both sides load."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import MaskFormerForInstanceSegmentation, MaskFormerImageProcessor

import segkit
from segkit.checkpoint import load_checkpoint, save_checkpoint
from segkit.interop.huggingface import import_huggingface
from segkit.types import Prediction
from tests.helpers.huggingface_cases import (
    BACKBONES,
    export_huggingface,
    make_theirs,
    random_images,
    separate_queries,
    write_theirs,
)


def round_trip(folder, name="swin", **settings):
    """Returns their model, and the one that was imported, saved, loaded and exported to `folder/back`."""
    theirs = write_theirs(folder / "there", name, **settings)
    imported = import_huggingface(folder / "there")
    save_checkpoint(folder / "ours", imported.model, imported.config, imported.classes)
    export_huggingface(folder / "ours", folder / "back")
    back, loading = MaskFormerForInstanceSegmentation.from_pretrained(folder / "back", output_loading_info=True)
    assert {key: list(values) for key, values in loading.items() if values} == {}
    return theirs, back


@pytest.mark.parametrize("name", BACKBONES)
def test_every_tensor_comes_back(tmp_path, name):
    theirs, back = round_trip(tmp_path, name)
    before, after = theirs.state_dict(), back.state_dict()
    assert before.keys() == after.keys()
    unlike = [key for key, tensor in before.items() if not torch.equal(tensor, after[key])]
    # Tensors that nothing depends on are not kept: the norm behind Swin's last stage, and norms of unused maps.
    dead = ("model.pixel_level_module.encoder.model.layernorm.",)
    if name == "maskformer-swin, two maps of three":
        dead += ("model.pixel_level_module.encoder.hidden_states_norms.0.",)
    assert [key for key in unlike if not key.startswith(dead)] == []
    assert len(unlike) == (0 if "resnet" in name else 2 * len(dead))


@torch.no_grad()
def test_stages_behind_the_last_used_map_are_left_out(tmp_path, monkeypatch):
    from tests.helpers.huggingface_cases import SWIN, MaskFormerSwinConfig

    used = {**SWIN, "out_features": ["stage1", "stage3"]}
    monkeypatch.setitem(BACKBONES, "cut", lambda: MaskFormerSwinConfig(**used))
    theirs, back = round_trip(tmp_path, "cut")
    notes = import_huggingface(tmp_path / "there").notes
    assert notes[:4] == [
        "tensors that are not needed: 8 that follow from the window size",
        "tensors that are not needed: 1 that follow from no_object_weight",
        "tensors that are not needed: 41 that belong to stages of the backbone whose maps the model does not use",
        "tensors that are not needed: 2 that normalize an output that the model does not use",
    ]
    assert back.config.backbone_config.depths == [2, 2, 2]
    pixels = torch.randn(1, 3, 64, 96)
    torch.testing.assert_close(theirs.eval()(pixels).masks_queries_logits, back.eval()(pixels).masks_queries_logits)


def test_the_image_processor_comes_back(tmp_path):
    settings = {
        "size": {"shortest_edge": 67, "longest_edge": 131},
        "size_divisor": 64,
        "image_mean": [0.1, 0.48145466, 0.406],
        "image_std": [0.26862954, 0.2, 0.3],
        "do_reduce_labels": True,
        "ignore_index": 255,
        "num_labels": 3,
    }
    round_trip(tmp_path, processor=settings)
    before, after = (MaskFormerImageProcessor.from_pretrained(tmp_path / name).to_dict() for name in ("there", "back"))
    assert before == after
    assert {key: list(after[key]) if key.startswith("image_") else after[key] for key in settings} == settings


def test_a_fixed_size_comes_back_as_the_multiple_that_it_means(tmp_path):
    round_trip(tmp_path, processor={"size": FIXED, "size_divisor": 32})
    after = MaskFormerImageProcessor.from_pretrained(tmp_path / "back").to_dict()
    assert (after["size"], after["size_divisor"]) == ({"height": 96, "width": 128}, 32)


@pytest.mark.parametrize(
    "settings",
    [
        {"do_resize": False},
        {"do_resize": False, "do_normalize": False},
        {"do_resize": False, "do_rescale": False, "image_mean": [100.0, 110.0, 120.0], "image_std": [50.0, 60.0, 70.0]},
        {"do_resize": False, "rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.0, 1.0]},
    ],
)
def test_pixel_statistics_stay_the_same(tmp_path, settings):
    round_trip(tmp_path, processor=settings)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    before, after = (
        MaskFormerImageProcessor.from_pretrained(tmp_path / name)(image, return_tensors="pt")["pixel_values"]
        for name in ("there", "back")
    )
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    ours = segkit.load_model(tmp_path / "ours").normalization(torch.from_numpy(image).permute(2, 0, 1)[None])
    torch.testing.assert_close(ours, before, atol=1e-5, rtol=1e-5)


FIXED = {"height": 70, "width": 128}


@pytest.mark.parametrize("size", [(97, 131), (60, 200), (300, 41)])
@pytest.mark.parametrize("resized", [{"shortest_edge": 70, "longest_edge": 120}, FIXED], ids=["edges", "fixed"])
@torch.no_grad()
def test_an_image_is_processed_the_same_by_both(tmp_path, size, resized):
    """Resized, normalized, segmented, and brought back to its size."""
    processor = {"size": resized}
    theirs = write_theirs(tmp_path / "there", "resnet18", processor=processor)
    coarse = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = np.array(Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.NEAREST))
    prepare = MaskFormerImageProcessor.from_pretrained(tmp_path / "there")
    inputs = prepare(image, return_tensors="pt")
    separate_queries(theirs, inputs["pixel_values"])
    theirs.save_pretrained(tmp_path / "there")
    imported = import_huggingface(tmp_path / "there")
    save_checkpoint(tmp_path / "ours", imported.model, imported.config, imported.classes)
    output = theirs(inputs["pixel_values"])
    predictor = segkit.Predictor(tmp_path / "ours", device="cpu")
    prepared = predictor.prepare(torch.from_numpy(image).permute(2, 0, 1))
    pixels = predictor.model.normalization(prepared.image[None])
    torch.testing.assert_close(pixels, inputs["pixel_values"], atol=1e-5, rtol=1e-5)
    prediction = Prediction(output.class_queries_logits, dense_mask_logits=output.masks_queries_logits)
    label_map = predictor(Image.fromarray(image)).label_map
    assert len(label_map.unique()) > 1
    assert agreement(label_map, predictor.postprocessor(prediction, [prepared.sizes])[0].label_map) > 0.999
    # Theirs resizes the class maps; segkit, like the original, resizes the masks before it computes class maps.
    assert agreement(label_map, prepare.post_process_semantic_segmentation(output, target_sizes=[size])[0]) > 0.9


def agreement(one, other):
    return float((one == other).float().mean())


def test_an_imported_checkpoint_serves_all_three_tasks(tmp_path):
    round_trip(tmp_path)
    image = random_images(1, (40, 60), (40, 60))[0]
    for task, kind in (("semantic", "Semantic"), ("instance", "Instance"), ("panoptic", "Panoptic")):
        result = segkit.Predictor(tmp_path / "ours", task=task, device="cpu")(image)
        assert type(result).__name__ == f"{kind}Result"
    assert [part["type"] for part in load_checkpoint(tmp_path / "ours").config["postprocessors"]] == [
        "semantic",
        "instance",
        "panoptic",
    ]


def test_classes_and_weights_of_the_losses_come_back(tmp_path):
    weights = {"no_object_weight": 0.4, "dice_weight": 3.0, "mask_weight": 7.0, "cross_entropy_weight": 2.0}
    _, back = round_trip(tmp_path, "resnet18", classes=("wall", "tree", "sea", "tree"), **weights)
    assert {key: getattr(back.config, key) for key in weights} == weights
    assert back.config.id2label == {0: "wall", 1: "tree", 2: "sea", 3: "tree (3)"}
    torch.testing.assert_close(back.criterion.empty_weight, torch.tensor([1, 1, 1, 1, 0.4]))


def test_frozen_batch_norms_are_written_as_theirs(tmp_path):
    theirs = write_theirs(tmp_path / "there", "resnet18")
    imported = import_huggingface(tmp_path / "there")
    save_checkpoint(tmp_path / "ours", imported.model, imported.config, imported.classes)
    file = tmp_path / "ours" / "config.yaml"
    file.write_text(file.read_text().replace("name: resnet18", "name: resnet18\n    freeze_batch_norm: true"))
    (tmp_path / "ours" / "SHA256SUMS").unlink()
    weights = segkit.build_model(segkit.load_config(file), imported.classes)
    weights.load_state_dict(imported.model.state_dict(), strict=False)
    save_checkpoint(tmp_path / "frozen", weights, segkit.load_config(file), imported.classes)
    export_huggingface(tmp_path / "frozen", tmp_path / "back")
    back, loading = MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "back", output_loading_info=True)
    assert {key: list(values) for key, values in loading.items() if values} == {}
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(back.eval()(pixels).class_queries_logits, theirs(pixels).class_queries_logits)


def test_a_checkpoint_in_half_precision_is_read_in_full(tmp_path):
    make_theirs("resnet18").half().save_pretrained(tmp_path / "there")
    imported = import_huggingface(tmp_path / "there")
    assert {parameter.dtype for parameter in imported.model.parameters()} == {torch.float32}
    assert (
        imported.notes[1] == ("there is no preprocessor_config.json: images are prepared by transformers' defaults")
        or "there is no preprocessor_config.json: images are prepared by transformers' defaults" in imported.notes
    )


def test_without_a_preprocessor_file_their_defaults_are_taken(tmp_path):
    make_theirs("resnet18").save_pretrained(tmp_path / "there")
    imported = import_huggingface(tmp_path / "there")
    assert imported.notes[-1] == ("there is no preprocessor_config.json: images are prepared by transformers' defaults")
    MaskFormerImageProcessor().save_pretrained(tmp_path / "there")
    assert import_huggingface(tmp_path / "there").config.data == imported.config.data


def test_older_preprocessor_files_are_understood(tmp_path):
    write_theirs(tmp_path / "there", "resnet18")
    old = {"size": 512, "max_size": 2048, "size_divisibility": 0, "reduce_labels": True, "resample": 2}
    (tmp_path / "there" / "preprocessor_config.json").write_text(json.dumps(old))
    imported = import_huggingface(tmp_path / "there")
    assert imported.config["data"] == {
        "val": {
            "transforms": [
                {
                    "type": "resize_shortest_edge",
                    "sizes": 512,
                    "max_size": 2048,
                    "size_divisor": 1,
                    "rounding": "down",
                }
            ]
        }
    }
    assert imported.classes.ids == (1, 2, 3)
