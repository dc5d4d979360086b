"""Every option of every command and every setting of a config changes something, or is refused.

The lists of what there is come from the parsers and signatures. An option or setting without an entry here fails its
test with a message that says what to add. An entry is a change to another legal value; what is observed must then
differ from what was observed before. Contexts in which a setting has no effect are refused by the rules of
`segkit.config.consistency`, which tests/config/test_consistency.py breaks one by one.
"""

import contextlib
import json
import shutil
from functools import cache

import pytest
import torch
from PIL import Image

from segkit.build import build_part
from segkit.config.descriptions import sections
from segkit.config.schema import item_settings, part_settings, section_settings
from segkit.datasets.shapes import NAMES as SHAPE_NAMES
from segkit.registries import BACKBONES, BY_KIND, REGISTRIES
from segkit.runtime.integrity import MANIFEST
from tests.helpers.dataset_folders import write_cityscapes
from tests.helpers.effects import observe_command, observe_part, options_of_commands
from tests.helpers.overrides import last_ones
from tests.helpers.tiny import tiny_yaml
from tests.helpers.trackers import fake_trackers
from tests.test_parts import coco_instance, coco_panoptic, instance_folder, labelme, mask_folder, voc, yolo

SMALLER = {
    "resnet18, options: {out_indices: [2, 3]}": "resnet10t, options: {out_indices: [1, 2]}",
    "[64, 64]": "[32, 32]",
    "length: 8": "length: 3",
    "steps: 4": "steps: 2",
    "{type: panoptic}]": "{type: panoptic, score_threshold: 0.0}, {type: instance}]",
}
"""What makes the config of many tests still smaller; and every query takes part in panoptic results."""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Files that the entries name: `{config}`, `{run}`, `{images}` and others."""
    folder = tmp_path_factory.mktemp("effects")
    config = folder / "tiny.yaml"
    text = tiny_yaml()
    for old, new in SMALLER.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    (folder / "other.yaml").write_text(config.read_text().replace("lr: 1e-3", "lr: 2e-3"))
    (folder / "images").mkdir()
    for number in range(2):
        image = Image.effect_noise((48, 32), 90 + number).convert("RGB")
        image.save(folder / "images" / f"{number}.png")
    (folder / "names.txt").write_text("\n".join(f"class {index}" for index in range(3)))
    (folder / "broken").mkdir()
    mask_folder(folder / "broken")
    (folder / "broken/images/1.png").write_text("no image")
    write_cityscapes(folder / "towns")
    yolo(folder / "objects")
    places = {name: folder / path for name, path in FILES.items()}
    run = observe_command(["train", config, "--output", places["run"]])
    assert run["code"] == 0, run["printed"]
    observe_command(["train", config, "--output", places["other_run"], "data.val=null", "training.seed=9"])
    observe_command(["train", config, "--output", places["failed"], "training.optimizer.lr=1e30", SKIP])
    shutil.copytree(folder / "run/evaluation", folder / "sweeps/seed=0/evaluation")
    _make_foreign(places["run"], places["foreign"])
    _make_foreign(places["failed"], places["foreign_failed"])
    _make_foreign(places["run"], places["foreign_model"], replace=("type: fpn", "type: foreign_fpn"))
    return places


def _make_foreign(source, folder, replace=("", "")):
    """Copies a run folder, and adds to its configs a plugin file, as somebody else's may name one."""
    shutil.copytree(source, folder)
    plugin = folder / f"{folder.name}_plugin.py"
    plugin.write_text("print('a plugin is imported')")
    for config in list(folder.rglob("config.yaml")):
        config.write_text(f"plugins: [{plugin}]\n{config.read_text().replace(*replace)}")
        (config.parent / MANIFEST).unlink(missing_ok=True)


@pytest.fixture
def plugin(tmp_path):
    """A plugin that was not imported before. It registers nothing, since that would outlast the test."""
    file = tmp_path / f"{tmp_path.name}.py"  # two plugins cannot have one name
    file.write_text("print('a plugin is imported')")
    return file


FILES = {
    "config": "tiny.yaml",
    "other": "other.yaml",
    "images": "images",
    "names": "names.txt",
    "towns": "towns",
    "objects": "objects",
    "sweeps": "sweeps",
    "other_run": "other_run",
    "broken": "broken",
    "failed": "failed",
    "foreign": "foreign",
    "foreign_failed": "foreign_failed",
    "foreign_model": "foreign_model",
    "run": "run",
}

BROWSE = "browse {config} --images 1 --output page.html"
PREDICT = "predict {run} {images} --output out"
TEST = "test {run} --output out"
TRAIN = "train {config} --output out"
EXPORT = "export {run} --format torch --size 40x52 --output model.pt2"
BATCH = "batch {run} --step 1 --output out"
SWEEP = "sweep {config} training.seed=[0,1] --list"
REFUSED = "refused"
SKIP = "training.on_nonfinite=skip"
SEMANTIC = (
    "postprocessors=[{{type:_semantic}}] evaluators=[{{type:_mean_iou}}] "
    "data.val.dataset={{type:_shapes,length:_1,size:_[32,48]}}"
)

OPTIONS = {
    "analyze config": ("analyze {config}", "analyze {config} model.transformer_decoder.num_queries=3"),
    "analyze overrides": ("analyze {config}", "analyze {config} model.transformer_decoder.num_queries=3"),
    "analyze --plugin": ("analyze {config}", "analyze {config} --plugin {plugin}"),
    "analyze --trust": ("analyze {foreign}", "analyze {foreign} --trust"),
    "analyze --size": ("analyze {config}", "analyze {config} --size 64 96"),
    "analyze --classes": ("analyze {config}", "analyze {config} --classes 3"),
    "analyze --json": ("analyze {config}", "analyze {config} --json"),
    "batch path": (BATCH, "batch {other_run} --step 1 --output out"),
    "batch --step": (BATCH, "batch {run} --step 2 --output out"),
    "batch --checkpoint": (BATCH, f"{BATCH} --checkpoint {{other_run}}"),
    "batch --output": (BATCH, "batch {run} --step 1 --output elsewhere"),
    "batch --device": (REFUSED, f"{BATCH} --device cuda:77", "device 'cuda:77' cannot be used here"),
    "batch --plugin": (BATCH, f"{BATCH} --plugin {{plugin}}"),
    "batch --trust": ("batch {foreign} --step 1 --output out", "batch {foreign} --step 1 --output out --trust"),
    "browse config": (BROWSE, "browse {run} --images 1 --output page.html"),
    "browse overrides": (BROWSE, f"{BROWSE} data.train.dataset.seed=5"),
    "browse --images": (BROWSE, BROWSE.replace("--images 1", "--images 2")),
    "browse --output": (BROWSE, "browse {config} --images 1 --output drawn"),
    "browse --plugin": (BROWSE, f"{BROWSE} --plugin {{plugin}}"),
    "browse --trust": ("browse {foreign} --images 1", "browse {foreign} --images 1 --trust"),
    "check words": ("check {config}", "check {config} training.steps=0", 1),
    "check --data": ("check {config}", "check {config} --data"),
    "check --html": ("check {config} --data", "check {config} --data --html other.html"),
    "check --plugin": ("check {config}", "check {config} --plugin {plugin}"),
    "check --trust": ("check {foreign}", "check {foreign} --trust"),
    "convert source": (
        "convert {names} out --to huggingface_mask_former",
        "convert {run} out --to huggingface_mask_former",
        1,
    ),
    "convert destination": (REFUSED, "convert {run} {images}", "exists already and is not an empty folder"),
    "convert --to": ("convert {run} out", "convert {run} out --to huggingface_mask_former", 1),
    # These are refused beside a checkpoint that holds it all; tests/cli/test_convert.py reads original checkpoints.
    "convert overrides": (REFUSED, "convert {run} out training.steps=3 --to huggingface_mask_former", "key=value"),
    "convert --plugin": ("convert {run} out", "convert {run} out --plugin {plugin}", 1),
    "convert --format": ("convert {run} out", "convert {run} out --format original_mask_former", 1),
    "convert --trust": (
        "convert {foreign} out --to huggingface_mask_former",
        "convert {foreign} out --to huggingface_mask_former --trust",
        1,
    ),
    "convert --config": (REFUSED, "convert {run} out --config {config} --to huggingface_mask_former", "--config"),
    "convert --classes": (REFUSED, "convert {run} out --classes {names} --to huggingface_mask_former", "--classes"),
    "convert --things": (REFUSED, "convert {run} out --things sky --to huggingface_mask_former", "--things"),
    "describe subject": ("describe loss focal", "describe training"),
    "describe name": ("describe loss focal", "describe loss dice"),
    "describe --json": ("describe loss focal", "describe loss focal --json"),
    "describe --plugin": ("describe loss focal", "describe loss focal --plugin {plugin}"),
    "list kind": ("list", "list losses"),
    "list --json": ("list", "list --json"),
    "list --plugin": ("list losses", "list losses --plugin {plugin}"),
    "prepare name": ("prepare ade20k_full", "prepare coco_stuff_10k", 1),
    "export checkpoint": (EXPORT, EXPORT.replace("{run}", "{other_run}")),
    "export --output": (EXPORT, EXPORT.replace("model.pt2", "other.pt2")),
    "export --format": (REFUSED, EXPORT.replace("--format torch", "--format onnx"), "a file of --format onnx ends in"),
    "export --task": (REFUSED, f"{EXPORT} --task depth", "there is no postprocessor 'depth'"),
    "export --size": (REFUSED, EXPORT.replace("40x52", "7"), "size: '7' is no size"),
    "export --precision": (REFUSED, f"{EXPORT} --precision fp16", "--precision fp16: files of --format torch are fp32"),
    "export --verify": (EXPORT, f"{EXPORT.replace('40x52', '32x32')} --verify {{run}}"),
    "export --bound": (REFUSED, f"{EXPORT} --bound 0.5", "--bound: has no effect without --verify"),
    "export --plugin": (EXPORT.replace("40x52", "7"), f"{EXPORT.replace('40x52', '7')} --plugin {{plugin}}", 1),
    # As for predict --trust, the plugin does not register the part.
    "export --trust": (
        EXPORT.replace("{run}", "{foreign_model}"),
        f"{EXPORT.replace('{run}', '{foreign_model}')} --trust",
        2,
    ),
    "init-data folder": ("init-data {towns} --output out", "init-data {objects} --output out"),
    "init-data --output": ("init-data {towns} --output out", "init-data {towns} --output elsewhere"),
    "init-data --type": ("init-data {towns} --output out", "init-data {towns} --output out --type instance_folder"),
    "init-data --task": ("init-data {towns} --output out", "init-data {towns} --output out --task instance"),
    "init-data --classes": ("init-data {towns} --output out", "init-data {towns} --output out --classes road,cat,dog"),
    "new-plugin name": ("new-plugin acme-parts", "new-plugin other-parts"),
    "new-plugin --kind": ("new-plugin acme-parts", "new-plugin acme-parts --kind schedule"),
    "new-plugin --output": ("new-plugin acme-parts", "new-plugin acme-parts --output there"),
    "predict checkpoint": (PREDICT, "predict {other_run} {images} --output out"),
    "predict inputs": (PREDICT, "predict {run} {images}/0.png --output out"),
    "predict --output": (PREDICT, "predict {run} {images} --output elsewhere"),
    "predict --task": (PREDICT, f"{PREDICT} --task panoptic"),
    "predict --score-threshold": (f"{PREDICT} --task panoptic", f"{PREDICT} --task panoptic --score-threshold 1"),
    "predict --score-threshold of instances": (
        f"{PREDICT} --task instance",
        f"{PREDICT} --task instance --score-threshold 0",
    ),
    "predict --score-threshold of classes": (REFUSED, f"{PREDICT} --score-threshold 0.5", "score_threshold: "),
    "predict --batch-size": (PREDICT, f"{PREDICT} --batch-size 2"),
    "predict --max-pixels": (PREDICT, f"{PREDICT} --max-pixels 100", 1),
    "predict --device": (REFUSED, f"{PREDICT} --device cuda:77", "device 'cuda:77' cannot be used here"),
    "predict --precision": (
        f"{PREDICT} --task instance --score-threshold 0",
        f"{PREDICT} --task instance --score-threshold 0 --precision bf16",
    ),
    "predict --plugin": (PREDICT, f"{PREDICT} --plugin {{plugin}}"),
    # The plugin is imported, since the model needs a part that is not known; it does not register that either.
    "predict --trust": (
        "predict {foreign_model} {images} --output out",
        "predict {foreign_model} {images} --output out --trust",
        2,
    ),
    "predict --augment": (PREDICT, f"{PREDICT} --augment"),
    "predict --augment of objects": (REFUSED, f"{PREDICT} --task panoptic --augment", "augment: results of 'panoptic'"),
    "predict --result-format": (PREDICT, f"{PREDICT} --result-format ade20k"),
    "predict --resume": (PREDICT, f"{PREDICT} --resume"),  # tests/cli/test_predict_resume.py goes on with one
    "predict --output-format": (PREDICT, f"{PREDICT} --output-format zip"),
    "predict --window": (PREDICT, f"{PREDICT} --window 32"),
    "predict --window of objects": (f"{PREDICT} --task panoptic", f"{PREDICT} --task panoptic --window 16"),
    "replay path": (REFUSED, "replay {run}", "has no dump of a failed step"),
    "replay --plugin": ("replay {failed}", "replay {failed} --plugin {plugin}"),
    "replay --trust": ("replay {foreign_failed}", "replay {foreign_failed} --trust"),
    "replay --device": (REFUSED, "replay {failed} --device cuda:77", "device 'cuda:77' cannot be used here"),
    "schema --output": ("schema", "schema --output schema.json"),
    "schema --plugin": ("schema", "schema --plugin {plugin}"),
    "report runs": ("report {run} --output page.html", "report {other} --output page.html", 1),
    "report --output": ("report {run} --output page.html", "report {run} --output other.html"),
    "show config": ("show {config}", "show {other}"),
    "show overrides": ("show {config}", "show {config} training.seed=1"),
    "show --plugin": ("show {config}", "show {config} --plugin {plugin}"),
    "show --trust": ("show {foreign}", "show {foreign} --trust"),
    "show --diff": ("show {config}", "show {config} --diff {other}"),
    "sweep config": (SWEEP, "sweep {names} training.seed=[0,1] --list", 2),
    "sweep overrides": (SWEEP, "sweep {config} training.seed=[0,1,2] --list"),
    "sweep --output": (SWEEP, f"{SWEEP} --output {{sweeps}}"),
    "sweep --plugin": (SWEEP, f"{SWEEP} --plugin {{plugin}}"),
    "sweep --trust": (
        "sweep {foreign} training.seed=[0,1] --list",
        "sweep {foreign} training.seed=[0,1] --list --trust",
    ),
    "test path": (TEST, "test {config} --checkpoint {run} --output out data.val.limit=1"),
    "test overrides": (TEST, f"{TEST} data.val.limit=1"),
    "test overrides of the training": (
        REFUSED,
        f"{TEST} training.log_classes=true",
        "<command line>: training.log_classes: has no effect: segkit test does not use this setting. Leave it out.",
    ),
    "test overrides of the precision": (TEST, f"{TEST} training.precision=bf16"),
    "test --plugin": (TEST, f"{TEST} --plugin {{plugin}}"),
    "test --trust": ("test {foreign} --output out", "test {foreign} --output out --trust"),
    "test --checkpoint": ("test {config} --output out", "test {config} --output out --checkpoint {run}"),
    "test --output": (TEST, "test {run} --output elsewhere"),
    "test --overlays": (TEST, f"{TEST} --overlays 1"),
    "test --save-predictions": (TEST, f"{TEST} --save-predictions"),
    "test --augment": (f"{TEST} {SEMANTIC}", f"{TEST} {SEMANTIC} --augment"),
    "test --result-format": (TEST, f"{TEST} --result-format cityscapes"),
    "test --save-predictions in another format": (
        REFUSED,
        f"{TEST} --save-predictions --result-format cityscapes",
        "--save-predictions: no effect with --result-format.",
    ),
    "test --device": (REFUSED, f"{TEST} --device cuda:77", "device 'cuda:77' cannot be used here"),
    "test --precision": (f"{TEST} --save-predictions", f"{TEST} --save-predictions --precision bf16"),
    "test --window": (TEST, f"{TEST} --window 32"),
    "train config": (TRAIN, "train {other} --output out"),
    "train overrides": (TRAIN, f"{TRAIN} training.steps=1"),
    "train --plugin": (TRAIN, f"{TRAIN} --plugin {{plugin}}"),
    "train --output": (TRAIN, "train {config} --output elsewhere"),
    "train --trust": ("train {foreign} --output out", "train {foreign} --output out --trust"),
    "train --resume": (TRAIN, f"{TRAIN} --resume"),  # tests/training/test_train.py resumes a training
    "train --max-time": (REFUSED, f"{TRAIN} --max-time soon", "'soon' is no time. "),  # test_max_time.py waits for it
    "train --dry-run": (TRAIN, f"{TRAIN} --dry-run"),
    "train --reset-head": (f"{TRAIN} init_from={{run}}", f"{TRAIN} init_from={{run}} --reset-head"),
    "train --reset-head alone": (REFUSED, f"{TRAIN} --reset-head", "reset_head: has no effect without `init_from`"),
    "train --reset-head of a resumed run": (REFUSED, f"{TRAIN} --reset-head --resume", "--reset-head: no effect with"),
    "train --device": (REFUSED, f"{TRAIN} --device cuda:77", "device 'cuda:77' cannot be used here"),
}
"""`command --option`, with a context where there are several -> the words before and after the change; or REFUSED, the
words, and what the error says. A third item is the exit code after the change, where
it is not 0. In words, `:_` stands for a colon and a space."""


@cache
def _observed(words):
    return observe_command([word.replace(":_", ": ") for word in words.split()])


def observe(words, places):
    return _observed(words.format(**places))


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option(option, places, plugin):
    places = places | {"plugin": plugin}
    before, after, *message = OPTIONS[option]
    if before == REFUSED:
        found = observe(after, places)
        assert found["code"] in (1, 2)
        assert message[0] in found["printed"][1]
        assert not found["files"]
    else:
        found = observe(before, places), observe(after, places)
        assert found[1]["code"] == (message[0] if message else 0), found[1]["printed"]
        _assert_change(*found, f"`{after}` does what `{before}` does")


def test_every_option_has_an_entry():
    there = options_of_commands()
    named = {" ".join(name.split()[:2]) for name in OPTIONS} | {"sweep --list"}
    missing = [option for option in there if option not in named]
    assert not missing, (
        f"add to OPTIONS in tests/test_effects.py what these change: {', '.join(missing)}. An entry has the words of a "
        "command before and after the change."
    )
    assert named <= set(there)


def test_the_list_of_a_sweep(places, tmp_path):
    """Nothing is trained where all runs are done, and only the command without --list writes their table."""
    shutil.copytree(places["sweeps"] / "seed=0", tmp_path / "run")
    words = ["sweep", places["config"], "training.seed=0", "--output", tmp_path]
    assert observe_command([*words, "--list"])["code"] == 0
    assert not (tmp_path / "results.csv").exists()
    assert observe_command(words)["code"] == 0
    assert (tmp_path / "results.csv").exists()


def _assert_change(before, after, message):
    """Where all is observed of both, including what is printed, any difference will do."""
    assert before != after, f"{message}: nothing that is observed changes"


EACH_STEP = ["training.evaluate_every=1", "training.checkpoint_every=1"]
POINTS = ["criterion.points=20"]
BROKEN = "data.train.dataset={type: mask_folder, images: {broken}/images, labels: {broken}/labels, classes: [sky, sea]}"
SECTIONS = {
    "config.model": ([], ["model.transformer_decoder.num_queries=3"]),
    "config.criterion": ([], ["criterion.losses=[{type: cross_entropy}]"]),
    "config.postprocessors": ([], ["postprocessors=[{type: semantic}, {type: panoptic}]"]),
    "config.data": ([], ["data.train.dataset.seed=5"]),
    "config.evaluators": ([], ["evaluators=[{type: mean_iou}]"]),
    "config.training": ([], ["training.steps=1"]),
    "config.init_from": ([], ["init_from={run}"]),
    "config.class_map": (["init_from={run}"], ["class_map={sky: [grass, sand]}"]),
    "config.reset_head": (["init_from={run}"], ["reset_head=true"]),
    "config.plugins": ([], ["plugins=[{plugin}]"]),
    "criterion.losses": ([], ["criterion.losses.1.weight=7"]),
    "criterion.matcher": ([], ["criterion.matcher={type: hungarian, class_cost: 1000, mask_cost: 0, dice_cost: 0}"]),
    "criterion.deep_supervision": ([], ["criterion.deep_supervision=false"]),
    "criterion.void": ([], ["criterion.void=ignore"]),
    "criterion.points": ([], POINTS),
    "criterion.oversample_ratio": (POINTS, ["criterion.oversample_ratio=9"]),
    "criterion.importance_ratio": (POINTS, ["criterion.importance_ratio=0.1"]),
    "criterion.compile": ([], ["criterion.compile=true"]),
    "data.train": ([], ["data.train.dataset.seed=5"]),
    "data.val": ([], ["data.val=null"]),
    "data.train.dataset": ([], ["data.train.dataset.seed=5"]),
    "data.train.transforms": ([], ["data.train.transforms=[{type: random_flip, probability: 1}]"]),
    "data.train.batch_size": ([], ["data.train.batch_size=1"]),
    "data.train.workers": ([], ["data.train.workers=1"]),
    "data.train.timeout": (["data.train.workers=1"], ["data.train.timeout=600"]),
    "data.train.limit": ([], ["data.train.limit=1"]),
    "data.train.on_bad_sample": (
        [BROKEN, "data.val=null", "data.train.on_bad_sample=skip"],
        ["data.train.on_bad_sample=stop"],
    ),
    "data.train.repeat_threshold": ([], ["data.train.repeat_threshold=1"]),
    "data.val.dataset": ([], ["data.val.dataset.seed=5"]),
    "data.val.transforms": ([], ["data.val.transforms=[{type: resize, size: [48, 64]}]"]),
    "data.val.batch_size": ([], ["data.val.batch_size=3"]),
    "data.val.workers": ([], ["data.val.workers=1"]),
    "data.val.timeout": (["data.val.workers=1"], ["data.val.timeout=600"]),
    "data.val.limit": ([], ["data.val.limit=1"]),
    "training.steps": ([], ["training.steps=1"]),
    "training.optimizer": ([], ["training.optimizer.lr=0.1"]),
    "training.schedule": ([], ["training.schedule.power=9"]),
    "training.precision": ([], ["training.precision=bf16"]),
    "training.accumulate": ([], ["training.accumulate=2"]),
    "training.clip_gradients": ([], ["training.clip_gradients=1e-9"]),
    "training.on_nonfinite": (["training.optimizer.lr=1e30", SKIP], ["training.on_nonfinite=stop"]),
    "training.evaluate_every": ([], ["training.evaluate_every=1"]),
    "training.checkpoint_every": ([], ["training.checkpoint_every=2"]),
    "training.keep_checkpoints": (EACH_STEP, ["training.keep_checkpoints=1"]),
    "training.best_metric": ([], ["training.best_metric=pixel_accuracy"]),
    "training.log_every": ([], ["training.log_every=2"]),
    "training.log_classes": ([], ["training.log_classes=true"]),
    "training.sync_batch_norm": ([], ["training.sync_batch_norm=true"]),
    "training.hooks": ([], ["training.hooks=[{type: ema, decay: 0.9}]"]),
    "training.seed": ([], ["training.seed=1"]),
    "training.compile": ([], ["training.compile=true"]),
}
"""`section.setting` -> overrides of a tiny config before the change, and those that change the setting; what a training
does and writes must differ."""


@cache
def _trained(config, *overrides):
    return observe_command(["train", config, "--output", "out", *overrides])


@pytest.mark.slow
@pytest.mark.parametrize("setting", SECTIONS)
def test_a_setting_of_a_section(setting, places, plugin):
    files = {"run": places["run"], "broken": places["broken"], "plugin": plugin}
    before, change = ([_filled(word, files) for word in words] for words in SECTIONS[setting])
    found = _trained(places["config"], *before), _trained(places["config"], *last_ones([*before, *change]))
    assert found[0]["code"] == 0, found[0]["printed"]
    # These stop the training.
    may_fail = ("training.on_nonfinite", "data.train.on_bad_sample")
    allowed = (0, 1, 2) if setting in may_fail else (0,)
    assert found[1]["code"] in allowed, found[1]["printed"]
    _assert_change(*found, f"{' '.join(change)} has no effect")


def _filled(word, files):
    """Replaces names of files alone: overrides have braces of their own."""
    for name, file in files.items():
        word = word.replace(f"{{{name}}}", f"{file}")
    return word


def test_every_setting_of_a_section_has_an_entry():
    there = {f"{section}.{name}" for section, fields in sections().items() for name in section_settings(fields)}
    missing = sorted(there - SECTIONS.keys())
    assert not missing, (
        f"add to SECTIONS in tests/test_effects.py what these change: {', '.join(missing)}. An entry has overrides "
        "before the change and those of the change."
    )
    assert SECTIONS.keys() <= there


def test_what_is_observed_does_not_change_by_itself(places):
    words = f"{TRAIN} {' '.join(EACH_STEP)}".format(**places).split()
    assert observe_command(words) == observe_command(words)


BACKBONE = {"type": "timm", "name": "resnet18", "options": {"out_indices": [1, 2]}}
FPN = {"type": "fpn", "hidden_dim": 32, "mask_dim": 8}
DECODER = {
    "type": "standard", "num_queries": 3, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "feedforward_dim": 16,
    "dropout": 0.0,
}  # fmt: skip
ENCODER = {"hidden_dim": 32, "mask_dim": 8, "num_layers": 1, "num_heads": 2, "feedforward_dim": 16, "dropout": 0.0}
NESTED = {"backbone": BACKBONE, "pixel_decoder": FPN}
LAYERS = {
    "num_layers": 3, "num_heads": 4, "hidden_dim": 32, "feedforward_dim": 32, "dropout": 0.5, "pre_norm": True,
}  # fmt: skip
PIXELS = {"pixel_mean": [1.0, 2.0, 3.0], "pixel_std": [1.0, 2.0, 3.0], "pixel_type": "uint16", "size_divisor": 48}
WEIGHT = {"weight": 3.0}
VIT = {"depth": 1, "embed_dim": 24, "num_heads": 3}
PARTS = {
    "backbone/timm": (
        {**BACKBONE, "options": {}},
        {
            "name": "resnet34",
            "stage_norm": True,
            "freeze_batch_norm": True,
            "multi_grid": [1, 2],
            "gradient_checkpointing": True,
            "frozen": True,
            "options": {"out_indices": [1]},
        },
    ),
    "backbone/vit_pyramid": (
        {"name": "vit_tiny_patch16_224", "options": VIT},
        {"name": "vit_small_patch14_reg4_dinov2", "hidden_dim": 32, "frozen": True, "options": {**VIT, "depth": 2}},
    ),
    "pixel_decoder/fpn": (FPN, {"hidden_dim": 64, "mask_dim": 16}),
    "pixel_decoder/transformer_fpn": (ENCODER, {**LAYERS, "hidden_dim": 64, "mask_dim": 16}),
    "transformer_decoder/standard": (DECODER, {**LAYERS, "num_queries": 5, "class_head": False}),
    "matcher/hungarian": (
        {},
        {"class_cost": 3.0, "mask_cost": 3.0, "dice_cost": 3.0, "num_points": 5, "mask_loss": "binary_cross_entropy"},
    ),
    "loss/binary_cross_entropy": ({}, WEIGHT),
    "loss/cross_entropy": ({}, {**WEIGHT, "no_object_weight": 0.5, "class_weights": {"car": 5.0}}),
    "loss/dice": ({}, WEIGHT),
    "loss/focal": ({}, {**WEIGHT, "alpha": 0.6, "gamma": 1.0}),
    "loss/pixel_cross_entropy": ({}, {**WEIGHT, "class_weights": {"car": 5.0}}),
    "evaluator/boundary_average_precision": ({}, {"dilation_ratio": 0.1}),
    "evaluator/boundary_iou": ({}, {"dilation_ratio": 0.1}),
    "postprocessor/instance": ({}, {"max_instances": 2, "score_threshold": 0.3}),
    "postprocessor/panoptic": (
        {"score_threshold": 0.0, "overlap_threshold": 0.0},
        {"score_threshold": 0.9, "overlap_threshold": 0.9, "fuse": ["car", "person"]},
    ),
    "model/mask_former": (
        {**NESTED, "transformer_decoder": DECODER},
        {
            **PIXELS,
            "backbone": {**BACKBONE, "stage_norm": True},
            "pixel_decoder": {**FPN, "hidden_dim": 64},
            "transformer_decoder": {**DECODER, "num_queries": 7},
        },
    ),
    "model/per_pixel": (
        NESTED,
        {
            **PIXELS,
            "backbone": {**BACKBONE, "stage_norm": True},
            "pixel_decoder": {**FPN, "hidden_dim": 64},
            "transformer_decoder": {**DECODER, "class_head": False},
        },
    ),
    "dataset/shapes": ({"length": 2, "size": [32, 32]}, {"length": 3, "size": [32, 40], "seed": 1}),
    "dataset/mask_folder": (
        mask_folder,
        {
            "classes": ["sky", "land"],
            "things": ["sea"],
            "image_suffix": "0.png",
            "label_suffix": "0.png",
            "label_map": {"0": "void", "1": "sky"},
            "colors": [[1, 1, 1], [0, 0, 0]],
            "void": [1, 255],
            "split": {"share": 0.5},
        },
    ),
    "dataset/coco_instance": (coco_instance, {"classes": ["cat", "sky"], "split": {"share": 0.5}}),
    "dataset/concat": (
        {"datasets": [{"type": "shapes", "length": 1, "size": [32, 32]}]},
        {"datasets": [{"type": "shapes", "length": 2, "size": [32, 32]}], "classes": list(reversed(SHAPE_NAMES))},
    ),
    "dataset/instance_folder": (
        instance_folder,
        {
            "classes": ["dog", "cat"],
            "things": ["dog"],
            "encoding": "one_class",
            "image_suffix": "0_000019_leftImg8bit.png",
            "label_suffix": "0_000019_gtFine_instanceIds.png",
            "label_map": {"26": "dog", "33": "cat", "default": "background"},
            "void": 7,
            "split": {"share": 0.5},
        },
    ),
    "dataset/labelme": (labelme, {"classes": {"pet": ["cat", "dog"]}, "split": {"share": 0.5}}),
    "dataset/voc": (voc, {"split": "val", "classes": ["background", "dog", "cat"], "instances": False}),
    "dataset/yolo": (yolo, {"split": "val"}),
    "dataset/coco_panoptic": (coco_panoptic, {"semantic": True, "split": {"share": 0.5}}),
    "transform/pad": ({"size": [40, 48]}, {"size": [48, 48], "fill": [1, 2, 3]}),
    "transform/random_window": (
        {"probability": 0.9, "sizes": [20], "least": 5, "most": 15},
        {"probability": 0.1, "sizes": [50], "least": 14, "most": 30},
    ),
    "transform/photometric_distortion": (
        {},
        {"brightness": 90.0, "contrast": [0.1, 0.2], "saturation": [3.0, 4.0], "hue": 150.0},
    ),
    "transform/random_crop": ({"size": [16, 12]}, {"size": [16, 16], "max_category_share": 0.55}),
    "transform/random_flip": ({}, {"probability": 1.0}),
    "transform/random_scale": ({"size": [32, 32]}, {"size": [48, 48], "min_factor": 1.9, "max_factor": 0.2}),
    "transform/resize": ({"size": [16, 16]}, {"size": [16, 24]}),
    "transform/resize_shortest_edge": (
        {"sizes": [20, 22]},
        {"sizes": 24, "max_size": 22, "size_divisor": 8, "rounding": "down"},
    ),
    "transform/torchvision": (
        {"name": "RandomHorizontalFlip"},
        {"name": "RandomVerticalFlip", "options": {"p": 1.0}},
    ),
    "optimizer/adamw": (
        {},
        {"lr": 0.1, "weight_decay": 0.1, "backbone_multiplier": 0.1, "layer_decay": 0.5, "betas": [0.8, 0.9]},
    ),
    "optimizer/timm": (
        {"name": "sgd"},
        {
            "name": "lion",
            "lr": 0.1,
            "weight_decay": 0.1,
            "backbone_multiplier": 0.1,
            "layer_decay": 0.5,
            "options": {"momentum": 0.5},
        },
    ),
    "schedule/cosine": ({"warmup_steps": 4}, {"final_factor": 0.5, "warmup_steps": 6, "backbone_warmup_steps": 3}),
    "hook/early_stopping": ({"patience": 5}, {"patience": 2}),
    "hook/ema": ({}, {"decay": 0.5}),
    "hook/freeze": ({"parameters": ["head.*"]}, {"parameters": ["*.bias"]}),
    "hook/learning_rate_finder": ({}, {"lowest": 1e-3, "highest": 10.0, "steps": 20}),
    "hook/tracker": ({"name": "wandb"}, {"name": "mlflow", "project": "other", "options": {"tags": ["a"]}}),
    "schedule/multi_step": (
        {"milestones": [9], "warmup_steps": 4},
        {"milestones": [3], "gamma": 0.5, "warmup_steps": 6, "backbone_warmup_steps": 3},
    ),
    "schedule/poly": (
        {"warmup_steps": 4},
        {"power": 2.0, "warmup_steps": 6, "warmup_factor": 0.5, "backbone_warmup_steps": 3},
    ),
}
"""`kind/name` -> settings before the change (or a function that writes files and returns them), and another value of
each setting, each tried alone."""

CONTEXTS = {
    "dataset/instance_folder.encoding": {"classes": ["animal"], "label_map": None},
    "dataset/instance_folder.image_suffix": {"label_suffix": "0_000019_gtFine_instanceIds.png"},
    "dataset/instance_folder.label_suffix": {"image_suffix": "0_000019_leftImg8bit.png"},
    "dataset/mask_folder.image_suffix": {"label_suffix": "0.png"},
    "dataset/mask_folder.label_suffix": {"image_suffix": "0.png"},
    "dataset/mask_folder.void": {"classes": ["sky"]},
    **{
        f"model/{name}.pixel_type": {"pixel_mean": [1.0] * 3, "pixel_std": [9.0] * 3}
        for name in ("mask_former", "per_pixel")
    },
}
"""Further settings that a setting needs beside it to be tried."""

ELSEWHERE = {
    "hook/feature_cache.folder": "test_a_folder_of_features",
    "hook/feature_cache.max_gigabytes": "test_a_folder_of_features",
    "backbone/timm.pretrained": "test_pretrained",
    "backbone/timm.weights": "test_weights",
    "backbone/vit_pyramid.pretrained": "test_pretrained",
    "backbone/vit_pyramid.weights": "test_weights",
    **{
        f"dataset/{name}.images": "test_paths_of_a_dataset"
        for name in ("mask_folder", "coco_instance", "coco_panoptic")
    },
    **{
        f"dataset/{setting}": "test_folders_of_a_dataset"
        for setting in (
            *("instance_folder.images", "instance_folder.labels", "labelme.folder", "labelme.images", "voc.folder"),
            "yolo.data",
        )
    },
    "dataset/mask_folder.labels": "test_paths_of_a_dataset",
    **{
        f"dataset/{name}.{setting}": "test_pixels_of_a_dataset"
        for name in ("mask_folder", "instance_folder")
        for setting in ("channels", "pixel_type")
    },
    "dataset/coco_instance.annotations": "test_paths_of_a_dataset",
    "dataset/coco_panoptic.annotations": "test_paths_of_a_dataset",
    "dataset/coco_panoptic.masks": "test_paths_of_a_dataset",
}
"""Settings that have a test of their own below."""


def cases():
    return [f"{part}.{setting}" for part, (_, changes) in PARTS.items() for setting in changes]


@pytest.mark.parametrize("case", cases())
def test_a_setting_of_a_part(case, tmp_path, monkeypatch):
    fake_trackers(monkeypatch)
    part, _, setting = case.partition(".")
    kind, _, name = part.partition("/")
    settings, changes = PARTS[part]
    before = {"type": name, **(settings(tmp_path) if callable(settings) else settings), **CONTEXTS.get(case, {})}
    after = {**before, setting: changes[setting]}
    found = observe_part(BY_KIND[kind], before), observe_part(BY_KIND[kind], after)
    assert observe_part(BY_KIND[kind], before) == found[0]
    assert not isinstance(found[1], str), found[1]
    _assert_change(*found, f"{kind} '{name}': {setting}: {changes[setting]}")


def test_every_setting_of_a_part_has_an_entry():
    there = {
        f"{registry.kind}/{entry.name}.{setting}"
        for registry in REGISTRIES
        for entry in registry.entries()
        if entry.provider == "segkit"
        for setting in {**part_settings(registry, registry.get(entry.name)), **item_settings(registry)}
    }
    missing = sorted(there - {*cases(), *ELSEWHERE})
    assert not missing, (
        f"add to PARTS in tests/test_effects.py another value of: {', '.join(missing)}. What the part computes must "
        "change with it."
    )
    assert {*cases(), *ELSEWHERE} <= there
    assert set(ELSEWHERE.values()) <= globals().keys()


def test_a_folder_of_features(tmp_path):
    """Features lie where the setting says, as many as there is room for."""
    for folder, room, count in (("first", {}, 1), ("second", {}, 1), ("third", {"max_gigabytes": 1e-9}, 0)):
        model = torch.nn.Module()
        model.backbone = build_part(BACKBONES, {**BACKBONE, "frozen": True})
        hook = build_part(BY_KIND["hook"], {"type": "feature_cache", "folder": str(tmp_path / folder), **room})
        hook.on_model(model)
        with pytest.warns(UserWarning, match="all that it may") if room else contextlib.nullcontext():
            model.backbone(torch.zeros(1, 3, 32, 32))
        assert len(list((tmp_path / folder).rglob("*.features"))) == count


VIT_BACKBONE = {"type": "vit_pyramid", "name": "vit_tiny_patch16_224", "options": VIT}


@pytest.mark.parametrize("backbone", [BACKBONE, VIT_BACKBONE], ids=lambda backbone: backbone["type"])
def test_pretrained(monkeypatch, backbone):
    import timm

    asked = []
    create = timm.create_model

    def create_without_network(name, pretrained=False, **settings):
        asked.append(pretrained)
        return create(name, pretrained=False, **settings)

    monkeypatch.setattr(timm, "create_model", create_without_network)
    for pretrained in (False, True):
        build_part(BACKBONES, {**backbone, "pretrained": pretrained})
    assert asked == [False, True]


def test_weights(tmp_path):
    import timm

    torch.manual_seed(5)
    model = timm.create_model("resnet18")
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    torch.manual_seed(0)
    without = build_part(BACKBONES, BACKBONE)
    with_weights = build_part(BACKBONES, {**BACKBONE, "weights": str(tmp_path / "weights.pth")})
    assert not torch.equal(without.body.conv1.weight, model.conv1.weight)
    assert torch.equal(with_weights.body.conv1.weight, model.conv1.weight)
    model = timm.create_model("vit_tiny_patch16_224", **VIT)
    torch.save(model.state_dict(), tmp_path / "vit.pth")
    with_weights = build_part(BACKBONES, {**VIT_BACKBONE, "weights": str(tmp_path / "vit.pth")})
    assert torch.equal(with_weights.body.model.cls_token, model.cls_token)
    assert torch.equal(with_weights.body.model.blocks[0].attn.qkv.weight, model.blocks[0].attn.qkv.weight)


@pytest.mark.parametrize("case", [case for case, test in ELSEWHERE.items() if test == "test_paths_of_a_dataset"])
def test_paths_of_a_dataset(case, tmp_path):
    """A copy with another content is read where the setting names it."""
    part, _, setting = case.partition(".")
    name = part.partition("/")[2]
    before = {"type": name, **PARTS[part][0](tmp_path)}
    place, copy = tmp_path / before[setting], tmp_path / "copy"
    if setting == "annotations":
        content = json.loads(place.read_text())
        content["categories"][0]["name"] = "another name"
        copy.write_text(json.dumps(content))
    else:
        copy.mkdir()
        for file in place.iterdir():
            image = Image.open(file)
            if setting == "images":
                image = Image.new("RGB", image.size, (9, 9, 9))
            elif setting == "labels":
                image = Image.new("L", image.size, 0)
            else:
                image = image.copy()
                image.putpixel((0, 0), (0, 0, 0))
            image.save(copy / file.name)
    found = [observe_part(BY_KIND["dataset"], settings) for settings in (before, {**before, setting: str(copy)})]
    _assert_change(*found, f"{setting} of another place")


@pytest.mark.parametrize("case", [case for case, test in ELSEWHERE.items() if test == "test_folders_of_a_dataset"])
def test_folders_of_a_dataset(case, tmp_path):
    """A copy with other images and instances is read where the setting names it."""
    part, _, setting = case.partition(".")
    settings, copy = PARTS[part][0](tmp_path / "first"), tmp_path / "copy"
    shutil.copytree(tmp_path / "first", copy)
    for file in [*copy.rglob("*.jpg"), *copy.rglob("*_leftImg8bit.png"), *copy.rglob("*_instanceIds.png")]:
        Image.new("L" if "Ids" in file.name else "RGB", Image.open(file).size).save(file)
    name = part.partition("/")[2]
    other = str(settings.get(setting, tmp_path / "first")).replace(str(tmp_path / "first"), str(copy))
    found = [
        observe_part(BY_KIND["dataset"], {"type": name, **one}) for one in (settings, {**settings, setting: other})
    ]
    assert not isinstance(found[1], str), found[1]
    _assert_change(*found, f"{setting} of another place")


@pytest.mark.parametrize("case", [case for case, test in ELSEWHERE.items() if test == "test_pixels_of_a_dataset"])
def test_pixels_of_a_dataset(case, tmp_path):
    """Gray images of 16 bits can be read with the right number and type alone."""
    part, _, setting = case.partition(".")
    settings = {"type": part.partition("/")[2], **PARTS[part][0](tmp_path)}
    suffix = settings.get("image_suffix") or ".png"
    for file in tmp_path.rglob(f"*{suffix}"):
        if "label" not in str(file.parent.relative_to(tmp_path)) and "Ids" not in file.name:
            Image.new("I;16", Image.open(file).size, 5000).save(file)
    right = {**settings, "channels": 1, "pixel_type": "uint16"}
    wrong = {key: value for key, value in right.items() if key != setting}
    found = [observe_part(BY_KIND["dataset"], one) for one in (wrong, right)]
    assert not isinstance(found[1], str), found[1]
    _assert_change(*found, f"{setting} of the files")
