"""The page docs/config.md: the sections of a config, and how files and overrides are merged."""

from documentation.markdown import HEADER, link, settings_table, table
from documentation.parts_page import kind_links
from segkit.config.descriptions import describe_section, sections
from segkit.config.sections import EXTENDS

TOP = "Top level"
INTRODUCTION = """\
A config is a YAML file that describes a whole experiment: the model, its training, and the data. It has sections, and
parts that a `type` names. Sections have the settings below; the settings of parts are in [Parts](parts.md). Before
anything is built, all of it is checked against the signatures in the code, and every problem is reported with file and
line.

The class list, and with it the number of classes, comes from the dataset, and channel counts from the parts, so a
config repeats neither. This is a complete config:

```yaml
extends: configs/base/mask_former.yaml
model:
  backbone: {type: timm, name: resnet18}
data:
  train:
    dataset: {type: shapes, length: 1024}
    transforms: [{type: random_flip}]
    batch_size: 8
  val:
    dataset: {type: shapes, length: 32, seed: 1}
postprocessors: [{type: semantic}]
evaluators: [{type: mean_iou}]
training:
  steps: 1000
  optimizer: {type: adamw, lr: 1e-3}
  schedule: {type: poly}
```"""

CHECKING = """\
```bash
segkit check configs/quickstart.yaml
segkit show configs/quickstart.yaml training.steps=100
segkit describe training
```

`segkit check` prints all problems without the data: those of the file, and what a training would refuse when it builds
the parts, such as a `best_metric` that nothing measures. What depends on the data or the machine (files, class names,
the device) it leaves to [`--data`](own-data.md#check-your-data) and the training. `segkit show` prints the resolved
config with the origin of every value, and `segkit describe` the settings of a section or part. Editors complete and
check configs with
`configs/schema.json`, which the first line of the configs names; `segkit schema --output FILE` writes one that includes
the parts of installed packages.

YAML is read by the rules of version 1.2: only `true` and `false` are booleans, so `NO` is a string, and `1e-4` is a
number. Numbers of type integer are accepted where a number is expected; nothing else is converted."""

EXTENDING = f"""\
{EXTENDS}

<!-- fragment -->
```yaml
extends: [base/mask_former.yaml, base/ade20k_semantic.yaml, base/schedule_160k.yaml]
model:
  backbone: {{type: timm, name: resnet101}}
```

A mapping with another `type` than the one it overrides replaces it: the settings of the old part do not apply to the
new one. To change one item of a list, repeat the list, or override the item on the command line."""

OVERRIDING = """\
On the command line, `key.sub=value` overrides a value. Keys are separated by dots, and items of lists are numbered
from 0:

```bash
segkit train configs/quickstart.yaml training.steps=100 model.backbone.name=resnet34 criterion.losses.0.weight=2
```

The value is YAML, so lists and mappings work in quotes: `"data.train.transforms=[{type: random_flip}]"`. A mapping
merges with the one below, as in files."""

PYTHON = """\
From Python, a dict is a config as well. Its relative paths are relative to the working directory.

```python
import segkit

config = segkit.load_config({"extends": "configs/quickstart.yaml", "training": {"steps": 100}})
config["training"]["steps"]  # a value that was set
config.experiment.training.precision  # a value that may be a default
config.origin("training.steps")  # where it was set
```"""


def config_page() -> str:
    """Returns the page as Markdown."""
    links = kind_links("parts.md")
    blocks = [HEADER, "# Config", INTRODUCTION, _contents()]
    for path in sections():
        description = describe_section(path)
        for setting in description.settings:
            inner = setting.name if path == "config" else f"{path}.{setting.name}"
            if inner in sections():
                setting.type = link("a section", inner)
        heading = TOP if path == "config" else f"`{path}`"
        blocks += [f"## {heading}", description.documentation, settings_table(description.settings, links)]
    blocks += ["## Extend other files", EXTENDING, "## Override values", OVERRIDING]
    blocks += ["## Check a config", CHECKING, "## Configs in Python", PYTHON]
    return "\n\n".join(blocks) + "\n"


def _contents() -> str:
    rows = [[link("top level", TOP), "The sections, and settings outside of sections."]]
    rows += [[link(f"`{path}`", path), describe_section(path).documentation] for path in sections() if path != "config"]
    rows += [
        [link("extend other files", "Extend other files"), "How the values of several files are merged."],
        [link("override values", "Override values"), "Change single values on the command line."],
        [link("check a config", "Check a config"), "Commands and editors that find mistakes."],
        [link("configs in Python", "Configs in Python"), "Load a config, or make one of a dict."],
    ]
    return table(["section", "content"], rows)
