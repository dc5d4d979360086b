"""Every part of segkit keeps the contract of its kind: to be registered is to be tested.

A part whose settings all have defaults is tested without an entry here. SETTINGS holds the settings of the others, and
makes large parts small.
"""

import inspect
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from PIL import Image
from torch import nn

from segkit import testing
from segkit.build import build_part
from segkit.classes import Classes
from segkit.config import load_config
from segkit.hooks.feature_cache import FeatureCache
from segkit.layers.freezing import freeze
from segkit.registries import BY_KIND, REGISTRIES
from segkit.registries.signature import MISSING, after_star
from tests.helpers import dataset_folders
from tests.helpers.huggingface_cases import write_theirs
from tests.helpers.originals import write_original
from tests.helpers.trackers import fake_trackers

CLASSES = Classes.make(["a", "b", "c"])

SMALL_BACKBONE = {"type": "timm", "name": "resnet18"}
SMALL_PIXEL_DECODER = {"type": "fpn", "hidden_dim": 16, "mask_dim": 16}
SMALL_TRANSFORMER_DECODER = {"type": "standard", "num_layers": 2, "hidden_dim": 16, "num_heads": 2}
NESTED = {
    "backbone": SMALL_BACKBONE,
    "pixel_decoder": SMALL_PIXEL_DECODER,
    "transformer_decoder": {**SMALL_TRANSFORMER_DECODER, "num_queries": 5},
}
"""The nested parts of models that are not in SETTINGS."""

BACKBONE_MODELS = [
    "resnet18",
    "resnet50",
    "swin_tiny_patch4_window7_224",
    "swinv2_cr_tiny_ns_224",
    "convnext_atto",
    "mobilenetv3_small_100",
]


def mask_folder(folder):
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for number in range(2):
        Image.new("RGB", (7, 5), (number, 99, 0)).save(folder / "images" / f"{number}.png")
        Image.new("L", (7, 5), number).save(folder / "labels" / f"{number}.png")
    return {"images": str(folder / "images"), "labels": str(folder / "labels"), "classes": ["sky", "sea"]}


def coco(folder, annotations, **more):
    """Writes two images of 4x3 pixels with these annotations, and returns the settings."""
    (folder / "images").mkdir()
    images = [{"id": number, "file_name": f"{number}.png", "height": 3, "width": 4} for number in (7, 2)]
    for image in images:
        Image.new("RGB", (4, 3), (image["id"], 0, 0)).save(folder / "images" / image["file_name"])
    categories = [{"id": 3, "name": "sky", "isthing": 0}, {"id": 9, "name": "cat", "isthing": 1}]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(data))
    return {"images": str(folder / "images"), "annotations": str(folder / "annotations.json"), **more}


def coco_instance(folder):
    square = {"image_id": 7, "category_id": 9, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "area": 4}
    return coco(folder, [square, {**square, "iscrowd": 1}])


def coco_panoptic(folder):
    (folder / "masks").mkdir()
    Image.new("RGB", (4, 3), (5, 0, 0)).save(folder / "masks" / "7.png")
    segment = {"id": 5, "category_id": 3, "area": 12}
    return coco(
        folder, [{"image_id": 7, "file_name": "7.png", "segments_info": [segment]}], masks=str(folder / "masks")
    )


def instance_folder(folder):
    return dataset_folders.cityscapes_instances(folder)["train"]


def labelme(folder):
    return {"folder": dataset_folders.labelme(folder)["train"]["folder"]}


def voc(folder):
    return dataset_folders.cvat_voc(folder)["train"]


def yolo(folder):
    return dataset_folders.yolo(folder)["train"]


def concat(folder):
    return {"datasets": [{"type": "shapes", "length": 2}, {"type": "shapes", "length": 1, "seed": 1}]}


SETTINGS = {
    "backbone/timm": [{"name": name} for name in BACKBONE_MODELS],
    "backbone/vit_pyramid": [
        {"name": name, "hidden_dim": 16, "options": {"depth": 1, "embed_dim": 24, "num_heads": 3}}
        for name in ("vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3")
    ],
    "pixel_decoder/fpn": [{"hidden_dim": 32, "mask_dim": 16}],
    "pixel_decoder/transformer_fpn": [
        {"hidden_dim": 32, "mask_dim": 16, "num_layers": 2, "pre_norm": pre_norm} for pre_norm in (False, True)
    ],
    "transformer_decoder/standard": [
        {"num_queries": 7, "hidden_dim": 32, "num_layers": 3, "pre_norm": pre_norm} for pre_norm in (False, True)
    ],
    "model/per_pixel": [
        {"transformer_decoder": None},
        {"transformer_decoder": {**SMALL_TRANSFORMER_DECODER, "class_head": False, "num_queries": 4}},
    ],
    "dataset/mask_folder": [mask_folder],
    "dataset/coco_instance": [coco_instance],
    "dataset/coco_panoptic": [coco_panoptic],
    "dataset/concat": [concat],
    "dataset/instance_folder": [instance_folder],
    "dataset/labelme": [labelme],
    "dataset/voc": [voc],
    "dataset/yolo": [yolo],
    "dataset/shapes": [{"length": 5}],
    "optimizer/timm": [{"name": name} for name in ("adamw", "lion", "lamb", "muon")],
    "schedule/cosine": [{}, {"warmup_steps": 2, "backbone_warmup_steps": 3}],
    "schedule/poly": [{}, {"warmup_steps": 2, "backbone_warmup_steps": 3}],
    "schedule/multi_step": [
        {"milestones": [5, 8]},
        {"milestones": [500], "warmup_steps": 2, "backbone_warmup_steps": 3},
    ],
    "hook/early_stopping": [{"patience": 2}],
    "hook/feature_cache": [lambda folder: {"folder": str(folder / "features")}],
    "hook/freeze": [{"parameters": ["0.*"]}],
    "hook/tracker": [{"name": "wandb"}],
    "transform/pad": [{"size": [64, 50]}],
    "transform/random_crop": [{"size": [32, 40]}, {"size": [32, 40], "max_category_share": 0.75}],
    "transform/random_scale": [{"size": [48, 48]}],
    "transform/resize": [{"size": (48, 36)}],
    "transform/torchvision": [{"name": "RandomAffine", "options": {"degrees": 30}}, {"name": "ColorJitter"}],
    "transform/resize_shortest_edge": [{"sizes": [24, 60], "max_size": 70}],
}
"""`kind/name` -> the settings to try, each a mapping or a function that writes files and returns the mapping."""


def check_format(built):
    """Checks a checkpoint format on a small checkpoint of the other program."""
    with TemporaryDirectory() as folder:
        sample, options = FOREIGN[type(built).__name__](Path(folder))
        testing.check_checkpoint_format(built, sample, **options)


def huggingface_sample(folder):
    write_theirs(folder / "theirs", "resnet18")
    return folder / "theirs", {"things": ["car"]}


def original_sample(folder):
    write_original(folder)
    return folder / "model.pkl", {"config": load_config(folder / "x.yaml"), "things": []}


class FrozenModel(nn.Module):
    """For the hook that needs a frozen backbone."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Linear(4, 4), nn.Linear(4, 1)
        self.backbone.forward = lambda values: [values.tanh()]
        freeze(self.backbone)

    def forward(self, values):
        return self.head(self.backbone(values)[0])


FOREIGN = {"HuggingFaceMaskFormer": huggingface_sample, "OriginalMaskFormer": original_sample}
"""Class of a checkpoint format -> a function that writes a sample and returns it with what `read` needs."""

CHECKS = {
    "backbone": lambda build: testing.check_backbone(build()),
    "pixel_decoder": lambda build: testing.check_pixel_decoder(lambda features: build(features=features)),
    "transformer_decoder": lambda build: testing.check_transformer_decoder(
        lambda memory, mask_dim, num_classes: build(memory=memory, mask_dim=mask_dim, num_classes=num_classes)
    ),
    "matcher": lambda build: testing.check_matcher(build()),
    "loss": lambda build: testing.check_loss(build(classes=CLASSES), num_classes=len(CLASSES)),
    "postprocessor": lambda build: testing.check_postprocessor(lambda classes: build(classes=classes)),
    "model": lambda build: testing.check_model(lambda num_classes: build(num_classes=num_classes)),
    "dataset": lambda build: testing.check_dataset(build()),
    "transform": lambda build: testing.check_transform(build()),
    "evaluator": lambda build: testing.check_evaluator(lambda classes: build(classes=classes)),
    "optimizer": lambda build: testing.check_optimizer(lambda model: build(model=model)),
    "schedule": lambda build: testing.check_schedule(build()),
    "hook": lambda build: testing.check_hook(build, FrozenModel if isinstance(build(), FeatureCache) else None),
    "checkpoint_format": lambda build: check_format(build()),
}
"""kind -> the check, called with a function that builds the part from what segkit supplies."""


def own_names(registry):
    return [entry.name for entry in registry.entries() if entry.provider == "segkit"]


def cases():
    for registry in REGISTRIES:
        for name in own_names(registry):
            part = f"{registry.kind}/{name}"
            for number, settings in enumerate(SETTINGS.get(part, [None])):
                yield pytest.param(registry, name, settings, id=f"{part}-{number}")


def default_settings(registry, name):
    """Returns the settings of a part that is not in SETTINGS: none. Fails if it needs some."""
    part = registry.get(name)
    required = [setting for setting, parameter in after_star(part).items() if parameter.default is MISSING]
    if required:
        missing = ", ".join(f'"{setting}": …' for setting in required)
        pytest.fail(
            f"{registry.title} '{name}' has settings without default. Add \"{registry.kind}/{name}\": [{{{missing}}}] "
            "to SETTINGS in tests/test_parts.py."
        )
    return {}


def nested_settings(registry, name):
    return {kind: NESTED[kind] for kind in inspect.signature(registry.get(name)).parameters if kind in registry.nests}


@pytest.mark.parametrize(("registry", "name", "settings"), list(cases()))
def test_part(registry, name, settings, tmp_path, monkeypatch):
    fake_trackers(monkeypatch)
    if settings is None:
        settings = default_settings(registry, name)
    elif callable(settings):
        settings = settings(tmp_path)
    config = {"type": name, **nested_settings(registry, name), **settings}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        CHECKS[registry.kind](lambda **known: build_part(registry, config, known))


def test_every_kind_has_a_check():
    assert list(CHECKS) == list(BY_KIND)
    assert {f"check_{kind}" for kind in BY_KIND} == set(testing.__all__)


def test_settings_are_of_parts_that_there_are():
    assert SETTINGS.keys() <= {f"{registry.kind}/{name}" for registry in REGISTRIES for name in own_names(registry)}


def test_a_part_that_needs_settings_and_has_none_says_what_to_add():
    message = (
        'transform \'random_crop\' has settings without default. Add "transform/random_crop": [{"size": …}] to '
        "SETTINGS in tests/test_parts.py."
    )
    with pytest.raises(pytest.fail.Exception) as caught:
        default_settings(BY_KIND["transform"], "random_crop")
    assert str(caught.value) == message


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.plural)
def test_every_part_loads_and_is_described(registry):
    entries = {entry.name: entry for entry in registry.entries()}
    assert set(entries) == set(registry.names())
    for name in registry.names():
        assert registry.get(name) is not None
        assert entries[name].description, f"{registry.kind} '{name}' needs a docstring"
