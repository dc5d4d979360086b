"""The page docs/zoo.md: the paper's recipes, with scores and commands from their headers, and official datasets."""

import re
from pathlib import Path

from documentation.markdown import HEADER, table

CONFIGS = Path(__file__).parents[2] / "configs"

_TITLE = re.compile(
    r"^# (.+) with (\S+) on (.+?): ([\d.]+) (mean IoU|PQ)(?:, ([\d.]+) with flips at six scales)? \((.+)\)\.$"
)
_COMMAND = re.compile(r"^#   (accelerate launch .+)$")
_SCHEDULE = re.compile(r"^# ([\d,]+) steps of (\d+) images: (\d+) on each of (\d+) GPUs\. (.+); evaluation at (\d+)\.$")

INTRODUCTION = """\
# The paper's zoo

These configs are the 30 recipes of MaskFormer (Cheng et al. 2021) and of its published model zoo, with their
transforms, schedules and thresholds. The scores are the published ones; segkit has not trained the recipes to their
end. Tests compare the numbers of parameters with the published models. A published checkpoint is read by `segkit
convert`, see [Checkpoints](checkpoints.md).

`data.train.batch_size` is per process: the commands are for as many GPUs as the table says, and `training.accumulate`
makes up for fewer. `pretrained: true` downloads the weights of the backbone; `model.backbone.weights=FILE` names a
local copy. Configs of an installed segkit are named `segkit://mask_former/ade20k_r50.yaml`, and can be extended so,
too.
"""

DATASETS = """\
## Datasets

Every dataset lies in `$SEGKIT_DATASETS` in the folders of its published archives. If one is missing, the error names
its archive. The class lists, with things, colors and void, are in `configs/classes/`.

| dataset | config | folder | preparation |
| --- | --- | --- | --- |
| ADE20K, semantic | `base/ade20k_semantic.yaml` | `ADEChallengeData2016` | none |
| ADE20K, instances | `base/ade20k_instance.yaml` | `ADEChallengeData2016` | none |
| ADE20K, panoptic | `base/ade20k_panoptic.yaml` | `ADEChallengeData2016` | `segkit prepare ade20k_panoptic` |
| ADE20K-Full, 847 classes | `base/ade20k_full.yaml` | `ADE20K_2021_17_01` | `segkit prepare ade20k_full` |
| COCO 2017, panoptic | `base/coco_panoptic.yaml` | `coco` | none |
| COCO 2017, instances | `base/coco_instance.yaml` | `coco` | none |
| COCO 2017, semantic | `base/coco_semantic.yaml` | `coco` | none |
| COCO-Stuff 10K, 171 classes | `base/coco_stuff_10k.yaml` | `coco/coco_stuff_10k` | `segkit prepare coco_stuff_10k` |
| Cityscapes, semantic | `base/cityscapes_semantic.yaml` | `cityscapes` | none |
| Cityscapes, instances | `base/cityscapes_instance.yaml` | `cityscapes` | none |
| Cityscapes, panoptic | `base/cityscapes_panoptic.yaml` | `cityscapes` | `segkit prepare cityscapes_panoptic` |
| Mapillary Vistas 1.2, 65 classes | `base/mapillary_vistas.yaml` | `mapillary_vistas` | none |
| Mapillary Vistas 1.2, 66 classes | `base/mapillary_vistas_66.yaml` | `mapillary_vistas` | none |
| Pascal VOC 2012 | `base/voc_2012.yaml` | `VOCdevkit/VOC2012` | none |

`segkit prepare` can be stopped and started again: what is there is left as it is, and images unpacked later are added.
It counts the
images of each split: where some of the published ones are missing, it says how many, prepares the others and ends with
exit code 0. Files that other programs prepared under the same names are used as they are. Some `.mat` files of
COCO-Stuff 10K may be in the format of MATLAB 7.3: these need `pip install h5py`.
"""


def zoo_page() -> str:
    """Returns the content of the page."""
    rows = [_row(file) for file in sorted(CONFIGS.glob("*/*.yaml")) if _is_recipe(file)]
    rows.sort(key=lambda row: row[0])  # by dataset; the sort is stable
    header = ["dataset", "model", "backbone", "score", "scales and flips", "schedule", "config", "source"]
    recipes = table(header, [row[:-1] for row in rows])
    commands = "\n".join(row[-1] for row in rows)
    return (
        f"{HEADER}\n\n{INTRODUCTION}\n## Recipes\n\n{recipes}\n\n## Commands\n\n```bash\n{commands}\n```\n\n{DATASETS}"
    )


def _is_recipe(file: Path) -> bool:
    return file.parent.name != "base" and " GPUs. " in file.read_text(encoding="utf-8")


def _row(file: Path) -> list[str]:
    """Returns the cells of a recipe, and its command."""
    lines = file.read_text(encoding="utf-8").splitlines()
    title, command, schedule = (_find(pattern, lines, file) for pattern in (_TITLE, _COMMAND, _SCHEDULE))
    model, backbone, dataset, score, metric, best, source = title.groups()
    steps, images, _, gpus, train, size = schedule.groups()
    name = file.relative_to(CONFIGS).as_posix()
    when = f"{steps} steps of {images} on {gpus} GPUs; {train[:1].lower()}{train[1:]}; evaluation at {size}"
    link = f"[`{name}`](../configs/{name})"
    return [dataset, model, backbone, f"{score} {metric}", best or "", when, link, source, command[1]]


def _find(pattern: re.Pattern[str], lines: list[str], file: Path) -> re.Match[str]:
    found = next((match for match in map(pattern.match, lines) if match), None)
    if found is None:
        raise ValueError(f"{file}: no line of its header fits {pattern.pattern}")
    return found
