"""Files that are no configs, and configs of several files: every problem at its own file, in full."""

import os

import pytest

from segkit.config import load_config
from segkit.config.sections import Experiment
from segkit.config.source import read_file
from segkit.errors import ConfigError
from tests.helpers.fake_parts import keys_of

MODEL = "model: {type: per_pixel, backbone: {type: plain}}\n"
SECTIONS = keys_of(Experiment)
EMPTY = "this file is empty. A config is a mapping, such as 'model: {type: mask_former}'."
NO_MAPPING = "a config is a mapping of keys to values, such as 'model: {type: mask_former}'."
NAME_FILES = "extends: must be a file or a list of files, relative to this config, such as base/x.yaml."
CIRCLE = "Remove one of these lines."

SINGLE = {
    "nothing": ("", f"x.yaml:1: {EMPTY}"),
    "blank lines": ("\n  \n\n", f"x.yaml:1: {EMPTY}"),
    "comments": ("# a\n# b\n", f"x.yaml:1: {EMPTY}"),
    "a document of nothing": ("---\n", f"x.yaml:1: {EMPTY}"),
    "null": ("null\n", f"x.yaml:1: {EMPTY}"),
    "a list": ("\n- a\n- b\n", f"x.yaml:2: {NO_MAPPING}"),
    "a scalar": ("3\n", f"x.yaml:1: {NO_MAPPING}"),
    "text": ("hello world\n", f"x.yaml:1: {NO_MAPPING}"),
    "several documents": (
        f"{MODEL}---\n{MODEL}",
        "x.yaml:2: a second document starts here. Remove the '---': a config is one document.",
    ),
    "bytes that are not text": (
        b"a: 1\nb: \xff\n",
        "x.yaml:2: this file is not UTF-8 text (invalid start byte). Save it as UTF-8.",
    ),
    "text of Latin-1": (
        "a: é".encode("latin1"),
        "x.yaml:1: this file is not UTF-8 text (unexpected end of data). Save it as UTF-8.",
    ),
    "text of UTF-16": (
        MODEL.encode("utf-16"),
        "x.yaml:1: this file is not UTF-8 text (invalid start byte). Save it as UTF-8.",
    ),
    "a tab": ("model:\n\ttype: per_pixel\n", "x.yaml:2: YAML does not allow a tab here. Use spaces."),
    "two equal keys": (
        f"{MODEL}data: null\n{MODEL}",
        "x.yaml:3: the key 'model' is already set in line 1. Remove one of the two.",
    ),
    "two equal keys inside": (
        "model:\n  type: per_pixel\n  backbone: {type: plain}\n  type: mask_former\n",
        "x.yaml:4: the key 'type' is already set in line 2. Remove one of the two.",
    ),
    "several at once": (
        f"{MODEL}{MODEL}true: a\ndata:\n  <<: 3\n",
        "x.yaml:2: the key 'model' is already set in line 1. Remove one of the two.",
        "x.yaml:3: the key 'true' is not a string. Put it in quotes.",
        "x.yaml:5: '<<' takes a mapping, or a list of mappings, such as '<<: *name'.",
    ),
    "an anchor that nobody wrote": (
        "model: *m\n",
        "x.yaml:1: there is no anchor '&m' above. Write '&m' before the value to repeat.",
    ),
    "an anchor inside itself": (
        "model: &m\n  type: per_pixel\n  backbone: *m\n",
        "x.yaml:1: this value contains itself through its anchor. Write it out.",
    ),
    "what a merge key brings": (
        "model:\n  type: per_pixel\n  backbone: &b {type: plain, blocks: 3}\n"
        "  transformer_decoder: {<<: *b, type: standard}\n",
        "x.yaml:3: model.backbone.blocks: backbone 'plain' takes no 'blocks'. It takes: width, frozen",
        "x.yaml:3: model.transformer_decoder.blocks: transformer decoder 'standard' takes no 'blocks'. "
        "It takes: num_queries",
    ),
}


@pytest.mark.parametrize("case", SINGLE)
def test_a_file_that_is_no_config_is_refused(case, write):
    content, *expected = SINGLE[case]
    write({"x.yaml": content})
    assert refused("x.yaml") == expected


def refused(file: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return str(caught.value).splitlines()


SEVERAL = {
    "extends itself": (
        {"x.yaml": f"extends: ./x.yaml\n{MODEL}"},
        f"x.yaml:1: extends: x.yaml extends itself through x.yaml:1. {CIRCLE}",
    ),
    "a circle of two": (
        {"x.yaml": f"{MODEL}extends: a/y.yaml\n", "a/y.yaml": "\n\nextends: ../x.yaml\n"},
        f"a/y.yaml:3: extends: x.yaml extends itself through x.yaml:2, a/y.yaml:3. {CIRCLE}",
    ),
    "a circle of three": (
        {
            "x.yaml": f"extends: y.yaml\n{MODEL}",
            "y.yaml": f"{MODEL}extends: [z.yaml]\n",
            "z.yaml": "extends:\n  - x.yaml\n",
        },
        f"z.yaml:2: extends: x.yaml extends itself through x.yaml:1, y.yaml:2, z.yaml:2. {CIRCLE}",
    ),
    "a circle below": (
        {"x.yaml": "extends: [y.yaml, q.yaml]\n", "y.yaml": "extends: z.yaml\n", "z.yaml": "extends: y.yaml\n"},
        "x.yaml:1: extends: there is no file q.yaml.",
        f"z.yaml:1: extends: y.yaml extends itself through y.yaml:1, z.yaml:1. {CIRCLE}",
    ),
    "a missing base": (
        {"x.yaml": f"{MODEL}extends: y.yaml\n"},
        "x.yaml:2: extends: there is no file y.yaml.",
    ),
    "a base's missing base": (
        {"x.yaml": "extends: a/y.yaml\n", "a/y.yaml": "extends: z.yaml\n", "z.yaml": MODEL},
        "a/y.yaml:1: extends: there is no file a/z.yaml.",
    ),
    "a base with another ending": (
        {"x.yaml": "extends: base.yml\n", "base.yaml": MODEL},
        "x.yaml:1: extends: there is no file base.yml. Did you mean 'base.yaml'?",
    ),
    "a base without ending": (
        {"x.yaml": "extends: Base\n", "base.yaml": MODEL},
        "x.yaml:1: extends: there is no file Base. Did you mean 'base.yaml'?",
    ),
    "a folder as base": (
        {"x.yaml": "extends: [base, '']\n", "base/y.yaml": MODEL},
        "x.yaml:1: extends: base is a folder. Name a file.",
        "x.yaml:1: extends: . is a folder. Name a file.",
    ),
    "a number as base": ({"x.yaml": f"{MODEL}extends: 3\n"}, f"x.yaml:2: {NAME_FILES}"),
    "null as base": ({"x.yaml": f"{MODEL}extends:\n"}, f"x.yaml:2: {NAME_FILES}"),
    "a mapping as base": ({"x.yaml": f"{MODEL}extends: {{a: b.yaml}}\n"}, f"x.yaml:2: {NAME_FILES}"),
    "a list in a list of bases": (
        {"x.yaml": f"{MODEL}extends: [y.yaml, [z.yaml]]\n", "y.yaml": MODEL},
        f"x.yaml:2: {NAME_FILES}",
    ),
    "two extends": (
        {"x.yaml": "extends: y.yaml\nextends: z.yaml\n", "y.yaml": MODEL, "z.yaml": MODEL},
        "x.yaml:2: the key 'extends' is already set in line 1. Remove one of the two.",
    ),
    "an empty base": ({"x.yaml": "extends: y.yaml\n", "y.yaml": "# nothing yet\n"}, f"y.yaml:1: {EMPTY}"),
    "broken bases": (
        {"x.yaml": "extends: [y.yaml, z.yaml, q.yaml]\n", "y.yaml": "a: 1\na: 2\ntrue: 4\n", "z.yaml": "- a\n"},
        "x.yaml:1: extends: there is no file q.yaml.",
        "y.yaml:2: the key 'a' is already set in line 1. Remove one of the two.",
        "y.yaml:3: the key 'true' is not a string. Put it in quotes.",
        f"z.yaml:1: {NO_MAPPING}",
    ),
    "problems of several files": (
        {
            "x.yaml": "extends: [y.yaml, a/z.yaml]\nevaluators: [{type: mean_io}]\nseed: 3\n",
            "y.yaml": "model: {type: per_pixel, backbone: {type: plane}}\ntraining:\n  steps: x\n",
            "a/z.yaml": "criterion:\n  losses:\n    - {type: dce}\ndata: 3\n",
        },
        "a/z.yaml:3: criterion.losses.0.type: there is no loss 'dce'. Did you mean 'dice'? There are: dice, focal",
        "a/z.yaml:4: data: must be a mapping with the keys train, val, not 3.",
        "x.yaml:2: evaluators.0.type: there is no evaluator 'mean_io'. Did you mean 'mean_iou'? There are: mean_iou",
        f"x.yaml:3: seed: a config takes no 'seed'. It takes: {SECTIONS}",
        "y.yaml:1: model.backbone.type: there is no backbone 'plane'. Did you mean 'plain'? There are: plain, tiny",
        "y.yaml:2: training: training needs 'optimizer', an optimizer. Add it.",
        "y.yaml:2: training: training needs 'schedule', a schedule. Add it.",
        "y.yaml:3: training.steps: must be an integer, not 'x'.",
    ),
    "a part of one file with a setting of another": (
        {"x.yaml": "extends: y.yaml\nmodel:\n  backbone:\n    blocks: 3\n", "y.yaml": MODEL},
        "x.yaml:4: model.backbone.blocks: backbone 'plain' takes no 'blocks'. It takes: width, frozen",
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_every_problem_is_reported_at_its_own_file(case, write):
    files, *expected = SEVERAL[case]
    write(files)
    assert refused("x.yaml") == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("camvdi.yaml", "camvdi.yaml: there is no such file. Did you mean 'camvid.yaml'?"),
        ("camvid.yml", "camvid.yml: there is no such file. Did you mean 'camvid.yaml'?"),
        ("camvid", "camvid: there is no such file. Did you mean 'camvid.yaml'?"),
        ("CamVid.yaml", "CamVid.yaml: there is no such file. Did you mean 'camvid.yaml'?"),
        ("nowhere/camvid.yaml", "nowhere/camvid.yaml: there is no such file."),
        ("camvid.yaml/x.yaml", "camvid.yaml/x.yaml: there is no such file."),
        ("folder", "folder: this folder has no config.yaml. Name a file, or the folder of a run or checkpoint."),
        ("", "'': there is no such file."),
    ],
)
def test_a_file_that_is_not_there_is_reported_with_its_neighbour(write, path, message):
    write({"camvid.yaml": MODEL, "folder/other.txt": ""})
    assert refused(path) == [message]


def test_a_pipe_is_no_config(write, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    write({"x.yaml": "extends: pipe.yaml\n"})
    assert refused("pipe.yaml") == ["pipe.yaml: this is a pipe or device. Name a file."]
    assert refused("x.yaml") == ["x.yaml:1: extends: pipe.yaml is a pipe or device. Name a file."]


def test_a_file_that_cannot_be_read_is_reported(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_file(str(tmp_path))
    assert str(caught.value) == f"{tmp_path}: the file cannot be read: Is a directory."
