"""Which published file holds what in the folders of official datasets, for messages about missing ones."""

_SCENES = "of the scene parsing challenge (sceneparsing.csail.mit.edu)"
_COCO = "of COCO 2017 (cocodataset.org)"
_CITYSCAPES = "of Cityscapes (cityscapes-dataset.com, after registration)"
_SOURCES = {
    "ADEChallengeData2016": f"ADEChallengeData2016.zip {_SCENES}",
    "ADEChallengeData2016/annotations_instance": f"annotations_instance.tar {_SCENES}",
    "ADEChallengeData2016/ade20k_panoptic_": "`segkit prepare ade20k_panoptic`",
    "ADE20K_2021_17_01": "ADE20K_2021_17_01.zip of ADE20K (ade20k.csail.mit.edu, after registration)",
    "ADE20K_2021_17_01/annotations_detectron2": "`segkit prepare ade20k_full`",
    "ADE20K_2021_17_01/images_detectron2": "`segkit prepare ade20k_full`",
    "coco/train2017": f"train2017.zip {_COCO}",
    "coco/val2017": f"val2017.zip {_COCO}",
    "coco/annotations/instances_": f"annotations_trainval2017.zip {_COCO}",
    "coco/annotations/panoptic_": f"panoptic_annotations_trainval2017.zip {_COCO}",
    "coco/panoptic_": f"panoptic_annotations_trainval2017.zip {_COCO}, as an archive inside it",
    "coco/coco_stuff_10k": "cocostuff-10k-v1.0.zip of COCO-Stuff 10K (github.com/nightrome/cocostuff10k)",
    "coco/coco_stuff_10k/annotations_detectron2": "`segkit prepare coco_stuff_10k`",
    "cityscapes/leftImg8bit": f"leftImg8bit_trainvaltest.zip {_CITYSCAPES}",
    "cityscapes/gtFine": f"gtFine_trainvaltest.zip {_CITYSCAPES}",
    "cityscapes/gtFine/cityscapes_panoptic_": "`segkit prepare cityscapes_panoptic`",
    "mapillary_vistas": "the archive of Mapillary Vistas 1.2 (mapillary.com/dataset/vistas, after registration)",
    "VOCdevkit/VOC2012": "VOCtrainval_11-May-2012.tar of Pascal VOC 2012 (host.robots.ox.ac.uk/pascal/VOC)",
}
"""Begin of a path below `$SEGKIT_DATASETS` -> the published file or the command that it comes from."""


def source_of(path: str) -> str:
    """Says where a file or folder of an official dataset comes from; an empty text for other paths.

    Example:
        >>> source_of("coco/val2017")
        ' It comes from val2017.zip of COCO 2017 (cocodataset.org).'
        >>> source_of("mine/images")
        ''
    """
    begins = [begin for begin in _SOURCES if path.startswith(begin)]
    return f" It comes from {_SOURCES[max(begins, key=len)]}." if begins else ""
