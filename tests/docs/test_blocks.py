"""What the pages print works: YAML blocks check, Python blocks run, commands and their options exist."""

import re
import shutil

import pytest
import yaml
from PIL import Image

import segkit
from segkit.cli.main import main
from tests.helpers.command_lines import read_command, simple_commands
from tests.helpers.overrides import last_ones
from tests.helpers.pages import PAGES, ROOT, all_blocks, blocks_of, name_of

YAML_BLOCKS = all_blocks("yaml")
BASH_BLOCKS = all_blocks("bash")
PYTHON_PAGES = [page for page in PAGES if blocks_of(page, "python")]
PRINTED = re.compile(r"^( *)print\((.*)\)  # (.*)$", re.MULTILINE)
SHORT = ["training.steps=1", "data.train.workers=0", "data.val.workers=0", "data.val.limit=2"]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A working directory that has the configs, as a clone has."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The run of a quickstart of one step."""
    run = tmp_path_factory.mktemp("runs") / "quickstart"
    assert main(["train", str(ROOT / "configs/quickstart.yaml"), *SHORT, "--output", str(run)]) == 0
    return run


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=str)
def test_a_yaml_block_is_a_config_that_checks(block, clone):
    assert isinstance(yaml.safe_load(block.text), dict)
    if not block.fragment:
        (clone / "block.yaml").write_text(block.text)
        segkit.load_config("block.yaml")


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=name_of)
def test_the_python_blocks_of_a_page_run_one_after_the_other(page, clone, quickstart):
    (clone / "runs").mkdir()
    shutil.copytree(quickstart, clone / "runs" / "quickstart")
    Image.new("RGB", (160, 120), "skyblue").save("street.jpg")
    names = {"__name__": "page", "printed_as": printed_as}
    for block in blocks_of(page, "python"):
        exec(compile(with_checks(block.text), str(block), "exec"), names)


def with_checks(code):
    """Compares what a line prints with its comment, which ends at a colon: `print(len(names))  # 3: all of them`."""
    return PRINTED.sub(lambda line: f"{line[1]}printed_as({line[3]!r}, {line[2]})", code)


def printed_as(comment, value):
    assert str(value) == comment.partition(": ")[0]


@pytest.mark.parametrize("block", BASH_BLOCKS, ids=str)
def test_commands_and_their_options_exist(block):
    for words in simple_commands(block.text):
        read_command(words)


@pytest.mark.parametrize("block", BASH_BLOCKS, ids=str)
def test_configs_and_settings_of_commands_exist(block):
    for words in simple_commands(block.text):
        command = read_command(words)
        for word in words:
            if word.startswith("configs/") and word.endswith(".yaml"):
                assert (ROOT / word).is_file()
        config = getattr(command, "arguments", None) and (
            getattr(command.arguments, "config", None) or getattr(command.arguments, "path", None)
        )
        if command and command.name in ("train", "test", "analyze", "show") and str(config).startswith("configs/"):
            segkit.load_config(ROOT / config, command.overrides)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("segkit trian x.yaml", "there is no command trian"),
        ("segkit train x.yaml --sped 3", "segkit train has no --sped"),
        ("python tools/tarin.py x.yaml", "there is no tools/tarin.py"),
        ("python tools/benchmark.py --scale x", "argument --scale: "),
        ("wget x", "no page should use the program wget"),
    ],
)
def test_wrong_commands_are_found(line, problem):
    with pytest.raises(ValueError, match=f"^{problem}"):
        read_command(simple_commands(line)[0])


def test_the_commands_that_look_at_data_run(clone):
    blocks = [block for block in BASH_BLOCKS if block.text.startswith(("segkit check --data", "segkit browse"))]
    assert len(blocks) == 2
    for words in (words for block in blocks for words in simple_commands(block.text)):
        assert words[0] == "segkit"
        more = ["data.train.workers=0", "data.val.workers=0"] if words[1] == "check" else []
        assert main(last_ones([*words[1:], *more, "data.train.limit=2", "data.val.limit=2"])) == 0
    assert {file.name for file in clone.glob("*.html")} == {
        "quickstart_data.html", "quickstart.html", "quickstart_samples.html"
    }  # fmt: skip
    assert len(list(clone.glob("samples/train/*.png"))) == 2
