"""Plugins as users have them: built as wheels, installed beside segkit's own wheel, named by configs, and removed."""

import configparser
import json
import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from segkit.registries import REGISTRIES
from segkit.registries.discovery import own_candidates

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
SHORT = [
    "training.steps=2",
    "data.train.batch_size=2",
    "data.train.workers=0",
    "data.val.limit=2",
    "data.val.workers=0",
]
OFFLINE = ["--no-deps", "--no-index", "--quiet"]
LISTING = """\
import sys
from segkit.cli.main import main
main(["list", "--json"])
assert not {"torch", "timm", "numpy"} & set(sys.modules), "listing imports too much"
"""
COMMANDS = """\
import contextlib, io, json, sys
from segkit.cli.main import main
results = []
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(command)
    results.append([code, out.getvalue() + err.getvalue()])
json.dump(results, sys.stdout)
"""

TWIN = '''
"""A loss."""
from torch import nn

class Twin(nn.Module):
    """One of two."""
    input_type = "masks"

    def __init__(self):
        super().__init__()

    def forward(self, logits, targets, valid):
        return logits.mean(1)
'''
ODD = {
    "odd_twin": TWIN,
    "odd_poor": '"""A backbone."""\nimport not_there_at_all\n\nclass Poor:\n    """It lacks a package."""\n',
    "odd_raising": '"""A backbone."""\nraise ValueError("no license")\n',
    "odd_open": '"""A backbone."""\n\ndef odd_open(**options): ...\n',
    "odd_silent": '"""A backbone."""\nfrom torch import nn\n\nclass Silent(nn.Conv2d):\n    def __init__(self):\n'
    "        super().__init__(3, 8, 1)\n",
}
ODD_POINTS = {
    "backbones": {
        "poor": "odd_poor:Poor",
        "raising": "odd_raising:Raising",
        "open": "odd_open:odd_open",
        "silent": "odd_silent:Silent",
    },
    "losses": {"twin": "odd_twin:Twin"},
}


class Environment:
    """A virtual environment that holds segkit's wheel and sees whatever else this one holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        (here,) = (folder / "venv").glob("lib/python*/site-packages")
        others = [*site.getsitepackages(), site.getusersitepackages()]
        (here / "beside.pth").write_text("".join(f"import site; site.addsitedir({other!r})\n" for other in others))
        self.variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def succeed(self, *command: str | Path) -> str:
        """Runs a command of this environment (`pip`, `python` or `segkit`) and returns its stdout."""
        program = {
            "python": [self.python],
            "pip": [self.python, "-m", "pip"],
            "segkit": [self.folder / "venv" / "bin" / "segkit"],
        }[command[0]]
        done = subprocess.run(
            [*program, *command[1:]], cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{shlex.join(map(str, command))}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def commands(self, *commands: list[str]) -> list[list]:
        """Returns [exit code, output] of each `segkit` command, run in one process that imports torch once."""
        return json.loads(self.succeed("python", "-c", COMMANDS, json.dumps(commands)))

    def parts(self) -> dict[tuple[str, str], dict[str, str]]:
        """Returns what `segkit list` shows of parts from other packages, by (kind, name)."""
        entries = json.loads(self.succeed("python", "-c", LISTING))
        return {(one["kind"], one["name"]): one for one in entries if one["provider"] != "segkit"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Distribution -> wheel: segkit's, those of plugins/, and two of a test's own, built offline from copies."""
    folder = tmp_path_factory.mktemp("wheels")
    (folder / "segkit").mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "segkit")
    clean = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in ("segkit", "configs"):
        shutil.copytree(ROOT / name, folder / "segkit" / name, ignore=clean)
    for plugin in PLUGINS:
        shutil.copytree(plugin, folder / plugin.name, ignore=clean)
    write_package(folder / "acme-twin", {"losses": {"twin": "acme_twin:Twin"}}, {"acme_twin": TWIN})
    write_package(folder / "odd-parts", ODD_POINTS, ODD)
    sources = [path for path in folder.iterdir() if path.is_dir()]
    build = ["wheel", "--no-build-isolation", "--wheel-dir", folder, *OFFLINE, *sources]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    return {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in folder.glob("*.whl")}


def write_package(folder, points, modules):
    tables = "".join(
        f'[project.entry-points."segkit.{group}"]\n'
        + "".join(f'{name} = "{target}"\n' for name, target in part.items())
        for group, part in points.items()
    )
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{folder.name}"\nversion = "0.3"\n{tables}'
        f"[tool.setuptools]\npy-modules = {json.dumps(list(modules))}\n"
    )
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


@pytest.fixture(scope="module")
def environment(wheels, tmp_path_factory):
    """The packages that do wrong are there from the start: they harm only those who name their parts."""
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.succeed("pip", "install", *OFFLINE, wheels["segkit"], wheels["acme-twin"], wheels["odd-parts"])
    return environment


def config_with(environment, name, **changes):
    """The example's config with other parts in it, by the part they take the place of."""
    text = (ROOT / "plugins/segkit-example/configs/example.yaml").read_text()
    text = text.replace("type: example_pyramid, width: 32", changes.get("backbone", "type: timm, name: resnet18"))
    text = text.replace("type: example_tversky, weight: 1, alpha: 0.3, beta: 0.7", changes.get("loss", "type: dice"))
    text = text.replace("  hooks: [{type: example_goal, value: 0.9}]\n", "")
    (environment.folder / name).write_text(text)
    return name


def test_segkit_s_wheel_holds_all_its_files(wheels):
    source = wheels["segkit"].parent / "segkit"
    files = {path.relative_to(source).as_posix() for path in (source / "segkit").rglob("*") if path.is_file()}
    assert files <= set(zipfile.ZipFile(wheels["segkit"]).namelist())
    assert "segkit/cli/_template/package/pyramid.py.template" in files


@pytest.mark.slow
@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_s_wheel_from_its_first_to_its_last_day(environment, wheels, plugin):
    environment.succeed("pip", "install", *OFFLINE, wheels[plugin.name])
    parts = [one for one in environment.parts().values() if one["provider"] == plugin.name]
    assert {(one["kind"], one["name"]) for one in parts} == set(entry_points(wheels[plugin.name]))
    for one in parts:
        assert one["version"] == wheels[plugin.name].name.split("-")[1]
        assert one["description"]
        assert one["defect"] == ""

    config, run = f"{plugin.name}.yaml", f"runs/{plugin.name}"
    shutil.copy(plugin / "configs/example.yaml", environment.folder / config)
    Image.new("RGB", (96, 64)).save(environment.folder / "image.png")
    formats = [one["name"] for one in parts if one["name"].startswith("huggingface_")]
    described = [["describe", one["kind"], one["name"]] for one in parts]
    trained = [
        ["train", config, "training.steps=10", *SHORT[1:], "--output", run],
        ["test", run],
        ["predict", run, "image.png", "--output", f"seen-{plugin.name}"],
    ]
    there = [["convert", run, f"theirs-{plugin.name}", "--to", name] for name in formats]
    back = [["convert", f"theirs-{plugin.name}", f"ours-{plugin.name}"] for _ in formats]
    results = environment.commands(*described, ["schema"], ["check", config], *trained, *there, *back)
    assert [text for code, text in results if code] == []
    for one, (_, text) in zip(parts, results, strict=False):
        assert text.startswith(f"{one['kind']} '{one['name']}' of {plugin.name} {one['version']}")
    packed = any(name.endswith("/configs/example.yaml") for name in zipfile.ZipFile(wheels[plugin.name]).namelist())
    checked = environment.commands(["check", f"{plugin.name}://example.yaml"])
    assert checked == [[0, f"{plugin.name}://example.yaml: OK\n"]] if packed else plugin.name == "segkit-example"
    schema = results[len(parts)][1]
    assert all(f'"{one["name"]}"' in schema for one in parts if one["kind"] != "checkpoint_format")

    environment.succeed("pip", "uninstall", "--yes", plugin.name)
    assert plugin.name not in {one["provider"] for one in environment.parts().values()}
    for code, text in environment.commands(["test", run], ["predict", run, "image.png", "--output", "seen-again"]):
        assert code == 2
        lines = text.removeprefix("error: ").splitlines()
        assert all(re.match(rf"{run}/best/config\.yaml:\d+: [\w.]+\.type: there is no ", line) for line in lines)
        gone = {re.search(r"there is no [a-z ]+ '(\w+)'", line)[1] for line in lines}
        assert gone <= {one["name"] for one in parts}


def entry_points(wheel):
    """The (kind, name) of each part that a wheel provides."""
    points = configparser.ConfigParser()
    (file,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("entry_points.txt"))
    points.read_string(zipfile.ZipFile(wheel).read(file).decode())
    kinds = {registry.group: registry.kind for registry in REGISTRIES}
    return [(kinds[group], name) for group in points.sections() for name in points[group]]


@pytest.mark.slow
def test_a_new_plugin_from_its_first_to_its_last_day(environment):
    out = environment.succeed("segkit", "new-plugin", "acme-parts")
    install, check, train = (shlex.split(line) for line in out.partition("next:\n")[2].splitlines())
    environment.succeed(*install, "--no-build-isolation", *OFFLINE)
    assert "7 passed" in environment.succeed(*check)
    assert "checkpoints: runs/example/best" in environment.succeed(*train, *SHORT)
    loss = environment.parts()["loss", "acme_parts_tversky"]
    description = "One minus the Tversky index of each mask, smoothed by half a pixel."
    assert loss == {
        "kind": "loss",
        "name": "acme_parts_tversky",
        "provider": "acme-parts",
        "version": "0.1.0",
        "description": description,
        "defect": "",
    }

    environment.succeed("pip", "uninstall", "--yes", "acme-parts")
    Image.new("RGB", (64, 64)).save(environment.folder / "image.png")
    train_again, predict = environment.commands(train[1:], ["predict", "runs/example", "image.png", "--output", "seen"])
    assert train_again == [2, "error: " + missing_parts(environment, "acme-parts/configs/example.yaml")]
    # A prediction needs the backbone only.
    backbone = missing_parts(environment, "runs/example/best/config.yaml").splitlines()[0] + (
        ". The package that provided it is not installed: `plugins` in the run's environment.json names it\n"
    )
    assert predict == [2, f"error: {backbone}"]


@pytest.mark.slow
def test_new_packages_of_one_part_are_installed_checked_and_named(environment):
    kinds = ("backbone", "dataset", "schedule")
    packages = [f"acme-{kind}" for kind in kinds]
    written = [["new-plugin", name, "--kind", kind] for name, kind in zip(packages, kinds, strict=True)]
    assert [code for code, _ in environment.commands(*written)] == [0, 0, 0]
    environment.succeed(
        "pip", "install", "--no-build-isolation", *OFFLINE, *(environment.folder / name for name in packages)
    )
    for kind, name in zip(kinds, packages, strict=True):
        found = [one for one in environment.parts().values() if one["provider"] == name]
        assert [(one["kind"], one["name"], one["defect"]) for one in found] == [(kind, f"acme_{kind}_{kind}", "")]
    # The tests of each package import it as it was installed.
    tests = [environment.folder / name / "tests" for name in packages]
    out = environment.succeed(
        "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests
    )
    assert "3 passed" in out
    described = environment.commands(*(["describe", kind, f"acme_{kind}_{kind}"] for kind in kinds))
    assert [(code, text.splitlines()[0]) for code, text in described] == [
        (0, f"{kind} 'acme_{kind}_{kind}' of {name} 0.1.0") for kind, name in zip(kinds, packages, strict=True)
    ]
    environment.succeed("pip", "uninstall", "--yes", *packages)


def missing_parts(environment, config):
    """What is said of a config that names the parts of acme-parts while it is not installed."""
    lines = (environment.folder / config).read_text().splitlines()
    backbone, loss, hook = (
        next(number for number, line in enumerate(lines, 1) if f"type: acme_parts_{part}" in line)
        for part in ("pyramid", "tversky", "goal")
    )
    odd = [f"{name} (odd-parts 0.3)" for name in ("open", "poor", "raising", "silent")]
    backbones = ", ".join([candidate.name for candidate in own_candidates("backbones")] + odd)
    twins = ["twin (acme-twin 0.3)", "twin (odd-parts 0.3)"]
    losses = ", ".join([candidate.name for candidate in own_candidates("losses")] + twins)
    hooks = ", ".join(candidate.name for candidate in own_candidates("hooks"))
    return (
        f"{config}:{backbone}: model.backbone.type: there is no backbone 'acme_parts_pyramid'. Did you mean "
        f"'vit_pyramid'? There are: {backbones}\n"
        f"{config}:{loss}: criterion.losses.2.type: there is no loss 'acme_parts_tversky'. There are: {losses}\n"
        f"{config}:{hook}: training.hooks.0.type: there is no hook 'acme_parts_goal'. There are: {hooks}\n"
    )


SILENT = (
    "backbone 'silent' of odd-parts 0.3 (odd_silent:Silent) must publish 'features' (a list of at least one Feature). "
    "See the contract, segkit.registries.Backbone.\n"
)


def test_what_is_wrong_with_a_part_is_reported_to_those_who_name_it(environment):
    both = config_with(environment, "both.yaml", loss="type: twin")
    one = config_with(environment, "one.yaml", loss="type: acme-twin/twin")
    poor, raising, silent, opened = (
        config_with(environment, f"{name}.yaml", backbone=f"type: {name}")
        for name in ("poor", "raising", "silent", "open")
    )
    check, train = environment.commands(["check", both, one, poor, raising, opened, silent], ["train", silent, *SHORT])
    assert check == [
        1,
        "both.yaml:18: criterion.losses.2.type: loss 'twin' is provided by acme-twin 0.3 and odd-parts 0.3. "
        "Choose one: 'acme-twin/twin' or 'odd-parts/twin'.\n"
        "both.yaml: 1 problem\n"
        "one.yaml: OK\n"
        "poor.yaml:9: model.backbone.type: backbone 'poor' of odd-parts 0.3 (odd_poor:Poor) fails to import: "
        "ModuleNotFoundError: No module named 'not_there_at_all'. Update or uninstall odd-parts.\n"
        "poor.yaml: 1 problem\n"
        "raising.yaml:9: model.backbone.type: backbone 'raising' of odd-parts 0.3 (odd_raising:Raising) fails to "
        "import: ValueError: no license. Update or uninstall odd-parts.\n"
        "raising.yaml: 1 problem\n"
        "open.yaml:9: model.backbone.type: backbone 'open' of odd-parts 0.3 (odd_open:odd_open) takes **options, but "
        "its signature is the schema of its settings. Name every setting, or take one `options: dict`.\n"
        "open.yaml: 1 problem\n"
        f"{SILENT}silent.yaml: 1 problem\n",
    ]
    assert train == [1, f"error: {SILENT}"]


def test_listing_marks_what_cannot_be_imported(environment):
    table = environment.succeed("segkit", "list", "backbone").splitlines()
    assert [" ".join(line.split()) for line in table if "odd-parts" in line] == [
        "backbone open odd-parts 0.3 A backbone.",
        "backbone poor odd-parts 0.3 BROKEN: ModuleNotFoundError: No module named 'not_there_at_all'",
        "backbone raising odd-parts 0.3 A backbone.",
        "backbone silent odd-parts 0.3 A backbone.",
    ]
