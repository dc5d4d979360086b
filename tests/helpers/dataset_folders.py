"""Folders of datasets as annotation tools and publishers lay them out, with their quirks, from the same small scenes.

Each maker writes a folder and returns the settings of the datasets to train and to evaluate on. A scene has rectangles
of two classes on a noisy background; every format can say exactly where they are.
"""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from segkit.data.colors import voc_colors
from segkit.ops.run_length import encode_masks, rle_to_json

NAMES = ("cat", "dog")
COLORS = ((200, 60, 40), (40, 90, 220))
SIZE = 48
TRAIN, VAL = 4, 2
"""Numbers of images."""

Settings = dict[str, Any]


@dataclass(frozen=True)
class Box:
    """An object: class index, and x, y, width, height in pixels."""

    label: int
    x: int
    y: int
    width: int
    height: int

    @property
    def corners(self) -> list[list[int]]:
        right, bottom = self.x + self.width, self.y + self.height
        return [[self.x, self.y], [right, self.y], [right, bottom], [self.x, bottom]]

    @property
    def flat(self) -> list[int]:
        return [number for corner in self.corners for number in corner]

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def mask(self) -> np.ndarray:
        mask = np.zeros((SIZE, SIZE), dtype=bool)
        mask[self.slices] = True
        return mask


@dataclass(frozen=True)
class Scene:
    name: str
    image: np.ndarray
    """(H, W, 3) uint8."""
    boxes: list[Box]
    """One of each class; they do not overlap."""

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self.image).save(file)


def scenes(count: int, first: int = 0) -> list[Scene]:
    """Makes scenes, named by number from `first`. The same numbers are the same scenes."""
    made = []
    for number in range(first, first + count):
        generator = np.random.default_rng(number)
        image = generator.integers(90, 120, (SIZE, SIZE, 3)).astype(np.uint8)
        boxes = []
        for label in (0, 1):
            width, height = (int(side) for side in generator.integers(12, 18, 2))
            boxes.append(Box(label, 3 + 22 * label, int(generator.integers(2, 28)), width, height))
            image[boxes[-1].slices] = COLORS[label]
        made.append(Scene(f"{number:06}", image, boxes))
    return made


def splits() -> dict[str, list[Scene]]:
    return {"train": scenes(TRAIN), "val": scenes(VAL, TRAIN)}


def painted(scene: Scene, values: list[Any], background: Any = 0, dtype: type = np.uint8) -> np.ndarray:
    """Returns a map (H, W, ...) with a value for each box."""
    full = np.full((SIZE, SIZE, *np.shape(background)), background, dtype=dtype)
    for box, value in zip(scene.boxes, values, strict=True):
        full[box.slices] = value
    return full


def save(array: np.ndarray, file: Path, palette: bool = False) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if palette:
        image.putpalette([channel for color in voc_colors(256) for channel in color])
    image.save(file)


def penn_fudan(root: Path) -> dict[str, Settings]:
    """One folder for all images; instance ids in PNGs whose names end in `_mask`; one class."""
    for scene in scenes(TRAIN + VAL):
        scene.save(root / f"PNGImages/FudanPed{scene.name}.png")
        save(painted(scene, [1, 2]), root / f"PedMasks/FudanPed{scene.name}_mask.png")
    (root / "PedMasks/readme.txt").write_text("about the masks")
    settings = {"type": "instance_folder", "images": f"{root}/PNGImages", "labels": f"{root}/PedMasks"}
    settings |= {"label_suffix": "_mask.png", "classes": ["person"]}
    return {
        "train": {**settings, "split": {"all_but": 0.3, "seed": 1}},
        "val": {**settings, "split": {"share": 0.3, "seed": 1}},
    }


def write_cityscapes(root: Path) -> None:
    """Sub-folders of towns, and four files of labels for each image. A group of dogs has no instance number."""
    for split, listed in splits().items():
        for scene in listed:
            town = f"{split}/aachen/aachen_{scene.name}_000019"
            scene.save(root / f"leftImg8bit/{town}_leftImg8bit.png")
            labels = root / f"gtFine/{town}_gtFine"
            save(painted(scene, [26, 33], 7), Path(f"{labels}_labelIds.png"))
            save(painted(scene, [26001, 33], 7, np.uint16), Path(f"{labels}_instanceIds.png"))
            save(painted(scene, list(COLORS), (128, 64, 128)), Path(f"{labels}_color.png"))
            Path(f"{labels}_polygons.json").write_text("{}")


def cityscapes(root: Path) -> dict[str, Settings]:
    write_cityscapes(root)
    return {
        split: {
            "type": "mask_folder",
            "images": f"{root}/leftImg8bit/{split}",
            "labels": f"{root}/gtFine/{split}",
            "image_suffix": "_leftImg8bit.png",
            "label_suffix": "_gtFine_labelIds.png",
            "classes": ["road", *NAMES],
            "label_map": {"0-6": "void", "7": "road", "26": "cat", "33": "dog", "default": "void"},
        }
        for split in ("train", "val")
    }


def cityscapes_instances(root: Path) -> dict[str, Settings]:
    write_cityscapes(root)
    return {
        split: {
            "type": "instance_folder",
            "images": f"{root}/leftImg8bit/{split}",
            "labels": f"{root}/gtFine/{split}",
            "image_suffix": "_leftImg8bit.png",
            "label_suffix": "_gtFine_instanceIds.png",
            "encoding": "thousands",
            "classes": list(NAMES),
            "label_map": {"26": "cat", "33": "dog", "default": "background"},
        }
        for split in ("train", "val")
    }


def ade_instances(root: Path) -> dict[str, Settings]:
    """Red is the class, green the number of the instance."""
    for split, listed in splits().items():
        for scene in listed:
            scene.save(root / f"images/{split}/{scene.name}.jpg")
            save(painted(scene, [(1, 1, 0), (2, 1, 0)], (0, 0, 0)), root / f"annotations/{split}/{scene.name}.png")
    return {
        split: {
            "type": "instance_folder",
            "images": f"{root}/images/{split}",
            "labels": f"{root}/annotations/{split}",
            "encoding": "channels",
            "classes": list(NAMES),
        }
        for split in ("train", "val")
    }


def color_masks(root: Path) -> dict[str, Settings]:
    """Images and masks in one folder, the masks in colors; lists of names for the splits."""
    for split, listed in splits().items():
        for scene in listed:
            scene.save(root / f"data/{scene.name}.jpg")
            save(painted(scene, list(COLORS), (0, 0, 0)), root / f"data/{scene.name}_mask.png")
        (root / f"{split}.txt").write_text("".join(f"{scene.name}.jpg\n" for scene in listed))
    colors = {name: list(color) for name, color in zip(("background", *NAMES), ((0, 0, 0), *COLORS), strict=True)}
    settings = {"type": "mask_folder", "images": f"{root}/data", "labels": f"{root}/data", "label_suffix": "_mask.png"}
    settings |= {"classes": ["background", *NAMES], "colors": colors}
    return {split: {**settings, "split": f"{root}/{split}.txt"} for split in ("train", "val")}


def _brush(box: Box) -> dict[str, Any]:
    """A shape that labelme's AI tools draw: the PNG of its box, both corners included."""
    stream = io.BytesIO()
    Image.fromarray(np.full((box.height, box.width), 255, dtype=np.uint8)).save(stream, "PNG")
    corners = [[box.x, box.y], [box.x + box.width - 1, box.y + box.height - 1]]
    return {"shape_type": "mask", "points": corners, "mask": base64.b64encode(stream.getvalue()).decode()}


def labelme(root: Path) -> dict[str, Settings]:
    """A JSON file beside each image, written on Windows; an object in two parts, a brush mask, a point, an old file."""
    for number, scene in enumerate(scenes(TRAIN + VAL)):
        scene.save(root / f"{scene.name}.jpg")
        cat, dog = scene.boxes
        half = cat.height // 2
        parts = [Box(0, cat.x, cat.y, cat.width, half), Box(0, cat.x, cat.y + half, cat.width, cat.height - half)]
        shapes = [
            {"label": "cat", "shape_type": "polygon", "points": parts[0].corners, "group_id": 1},
            {"label": "cat", "shape_type": "rectangle", "points": parts[1].corners[::2], "group_id": 1},
            {"label": "dog", **_brush(dog)} if number % 2 else {"label": "dog", "points": dog.corners},
            {"label": "dog", "shape_type": "point", "points": [[1, 1]]},
        ]
        path = f"..\\photos\\{scene.name}.jpg" if number == 0 else f"{scene.name}.jpg"
        content = {"version": "5.4", "flags": {}, "imagePath": path, "imageData": None}
        content |= {"imageHeight": SIZE, "imageWidth": SIZE, "shapes": shapes}
        (root / f"{scene.name}.json").write_text(json.dumps(content))
    settings = {"type": "labelme", "folder": str(root), "classes": list(NAMES)}
    return {"train": {**settings, "split": {"all_but": 0.3}}, "val": {**settings, "split": {"share": 0.3}}}


def yolo(root: Path) -> dict[str, Settings]:
    """Roboflow's export: paths that lead one folder too high, an image without objects, a line with a box alone."""
    for split, listed in {"train": splits()["train"], "valid": splits()["val"]}.items():
        for number, scene in enumerate(listed):
            scene.save(root / split / f"images/{scene.name}_jpg.rf.0a1b.jpg")
            lines = [f"{box.label} {' '.join(f'{value / SIZE:.6f}' for value in box.flat)}" for box in scene.boxes]
            lines += ["1 0.5 0.5 0.1 0.1"] if number == 0 else []
            label = root / split / f"labels/{scene.name}_jpg.rf.0a1b.txt"
            label.parent.mkdir(exist_ok=True)
            label.write_text("\n".join(lines))
        Image.new("RGB", (SIZE, SIZE)).save(root / split / "images/empty.jpg")
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'dog']\n\n"
        "roboflow:\n  workspace: mine\n  version: 3\n"
    )
    return {split: {"type": "yolo", "data": f"{root}/data.yaml", "split": split} for split in ("train", "val")}


def coco_entry(scene: Scene, folder: str = "") -> dict[str, Any]:
    return {"id": int(scene.name), "file_name": f"{folder}{scene.name}.jpg", "height": SIZE, "width": SIZE}


def roboflow_coco(root: Path) -> dict[str, Settings]:
    """The JSON file among the images; category 0 stands above the others; an object with a box alone."""
    for split, listed in {"train": splits()["train"], "valid": splits()["val"]}.items():
        annotations: list[dict[str, Any]] = []
        for scene in listed:
            scene.save(root / split / f"{scene.name}.jpg")
            for box in scene.boxes:
                entry = {
                    "id": len(annotations),
                    "image_id": int(scene.name),
                    "category_id": box.label + 1,
                    "iscrowd": 0,
                }
                entry |= {"bbox": [box.x, box.y, box.width, box.height], "segmentation": [box.flat]}
                annotations.append({**entry, "area": box.width * box.height})
        annotations.append({**annotations[0], "id": len(annotations), "segmentation": []})
        categories = [{"id": 0, "name": "animals", "supercategory": "none"}]
        categories += [{"id": label + 1, "name": name, "supercategory": "animals"} for label, name in enumerate(NAMES)]
        content = {"info": {}, "licenses": [], "categories": categories}
        content |= {"images": [coco_entry(scene) for scene in listed], "annotations": annotations}
        (root / split / "_annotations.coco.json").write_text(json.dumps(content))
    return {
        split: {
            "type": "coco_instance",
            "images": f"{root}/{folder}",
            "annotations": f"{root}/{folder}/_annotations.coco.json",
        }
        for split, folder in (("train", "train"), ("val", "valid"))
    }


def cvat_coco(root: Path) -> dict[str, Settings]:
    """One JSON file for all images; names with the folder of a task; polygons and brush masks; a category unused."""
    annotations: list[dict[str, Any]] = []
    listed = scenes(TRAIN + VAL)
    for scene in listed:
        scene.save(root / f"images/{scene.name}.jpg")
        for box in scene.boxes:
            rle = rle_to_json(encode_masks(_tensor(box.mask[None]))[0])
            segmentation = [box.flat] if box.label else rle
            entry = {"id": len(annotations) + 1, "image_id": int(scene.name), "category_id": (4, 9)[box.label]}
            annotations.append({**entry, "segmentation": segmentation, "attributes": {"occluded": False}})
    names = {4: "kitten", 9: "dog", 11: "horse"}
    categories = [{"id": id, "name": name, "supercategory": ""} for id, name in names.items()]
    content = {"images": [coco_entry(scene, "task 7/") for scene in listed], "annotations": annotations}
    (root / "annotations").mkdir()
    (root / "annotations/instances_default.json").write_text(json.dumps({**content, "categories": categories}))
    settings = {"type": "coco_instance", "images": f"{root}/images"}
    settings |= {
        "annotations": f"{root}/annotations/instances_default.json",
        "classes": {"cat": "kitten", "dog": "dog"},
    }
    return {"train": {**settings, "split": {"all_but": 0.3}}, "val": {**settings, "split": {"share": 0.3}}}


def _tensor(masks: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(masks)


def lvis(root: Path) -> dict[str, Settings]:
    """Addresses on the web instead of file names, and lists of categories that are not annotated everywhere."""
    for split, listed in splits().items():
        annotations: list[dict[str, Any]] = []
        images = []
        for scene in listed:
            scene.save(root / f"{split}2017/{scene.name}.jpg")
            entry = {key: value for key, value in coco_entry(scene).items() if key != "file_name"}
            entry |= {"coco_url": f"http://images.cocodataset.org/{split}2017/{scene.name}.jpg"}
            images.append({**entry, "neg_category_ids": [], "not_exhaustive_category_ids": [2]})
            for box in scene.boxes:
                entry = {"id": len(annotations) + 1, "image_id": int(scene.name), "category_id": box.label + 1}
                annotations.append({**entry, "segmentation": [box.flat], "area": float(box.width * box.height)})
        categories = [{"id": label + 1, "name": name, "frequency": "c"} for label, name in enumerate(NAMES)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / f"lvis_v1_{split}.json").write_text(json.dumps(content))
    return {
        split: {"type": "coco_instance", "images": str(root), "annotations": f"{root}/lvis_v1_{split}.json"}
        for split in ("train", "val")
    }


def write_voc(root: Path, labels: list[int], palette: bool = True) -> None:
    """Masks with a border of void around each object, as ids with a palette or as colors."""
    colors = voc_colors(256)
    for split, listed in splits().items():
        for scene in listed:
            scene.save(root / f"JPEGImages/{scene.name}.jpg")
            for folder, values in (("SegmentationClass", labels), ("SegmentationObject", [1, 2])):
                ids = Image.fromarray(painted(scene, values))
                for box in scene.boxes:
                    (x, y), _, (right, bottom), _ = box.corners
                    ImageDraw.Draw(ids).rectangle((x, y, right - 1, bottom - 1), outline=255)
                array = np.asarray(ids)
                file = root / folder / f"{scene.name}.png"
                save(array if palette else np.array(colors, dtype=np.uint8)[array], file, palette)
        lists = root / "ImageSets/Segmentation"
        lists.mkdir(parents=True, exist_ok=True)
        (lists / f"{split}.txt").write_text("".join(f"{scene.name}\n" for scene in listed))


def voc(root: Path) -> dict[str, Settings]:
    """Pascal VOC, whose classes 8 and 12 are cat and dog."""
    write_voc(root / "VOC2012", [8, 12])
    return {split: {"type": "voc", "folder": f"{root}/VOC2012", "split": split} for split in ("train", "val")}


def cvat_voc(root: Path) -> dict[str, Settings]:
    """CVAT's segmentation masks: the layout of Pascal VOC with colors and a labelmap.txt; objects."""
    write_voc(root, [1, 2], palette=False)
    lines = [f"{name}:{','.join(map(str, voc_colors(3)[id]))}::" for id, name in enumerate(("background", *NAMES))]
    (root / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines]))
    return {
        split: {"type": "voc", "folder": str(root), "split": split, "instances": True} for split in ("train", "val")
    }


@dataclass(frozen=True)
class Format:
    """A maker and the task of its datasets."""

    write: Callable[[Path], dict[str, Settings]]
    task: str


FORMATS = {
    "penn_fudan": Format(penn_fudan, "instance"),
    "cityscapes": Format(cityscapes, "semantic"),
    "cityscapes_instances": Format(cityscapes_instances, "instance"),
    "ade_instances": Format(ade_instances, "instance"),
    "color_masks": Format(color_masks, "semantic"),
    "labelme": Format(labelme, "instance"),
    "yolo": Format(yolo, "instance"),
    "roboflow_coco": Format(roboflow_coco, "instance"),
    "cvat_coco": Format(cvat_coco, "instance"),
    "lvis": Format(lvis, "instance"),
    "voc": Format(voc, "semantic"),
    "cvat_voc": Format(cvat_voc, "instance"),
}
