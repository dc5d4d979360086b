"""Local files that register parts."""

import sys

import pytest

from segkit.config import load_config
from segkit.errors import ConfigError
from segkit.registries import BACKBONES, LOSSES

CONFIG = "model: {type: per_pixel, backbone: {type: mine, depth: 3}}\n"
PLUGIN = """\
from segkit.registries import BACKBONES

@BACKBONES.register("mine")
def mine(*, depth: int) -> None: ...
"""


@pytest.fixture(autouse=True)
def _forget_modules(monkeypatch):
    """Plugins are imported once per process; each test has its own."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


def refused(*args, **kwargs) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(*args, **kwargs)
    return str(caught.value)


def test_a_config_names_plugins_relative_to_itself(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "plugin_a.py").write_text(PLUGIN)
    (tmp_path / "sub" / "base.yaml").write_text("plugins: [plugin_a.py]")
    (tmp_path / "x.yaml").write_text(f"extends: sub/base.yaml\n{CONFIG}")
    config = load_config("x.yaml")
    assert config["plugins"] == [str(tmp_path / "sub" / "plugin_a.py")]
    assert config.origin("plugins.0") == "sub/base.yaml:1"
    assert BACKBONES.get("mine").__module__ == "plugin_a"


def test_plugins_given_to_load_config_become_part_of_the_config(tmp_path):
    (tmp_path / "plugin_b.py").write_text(PLUGIN)
    (tmp_path / "x.yaml").write_text(CONFIG)
    config = load_config("x.yaml", plugins=["plugin_b.py"])
    assert config["plugins"] == [str(tmp_path / "plugin_b.py")]
    assert config.origin("plugins.0") == "<command line>"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(config.to_yaml())
    assert load_config("run", plugins=["plugin_b.py"]).data == config.data
    assert load_config("run", trust=True).data == config.data


def test_a_plugin_runs_once_however_often_it_is_named(tmp_path):
    (tmp_path / "plugin_c.py").write_text(f"{PLUGIN}\nopen('runs', 'a').write('x')\n")
    (tmp_path / "x.yaml").write_text(f"plugins: [plugin_c.py]\n{CONFIG}")
    load_config("x.yaml", plugins=["plugin_c.py"])
    load_config("x.yaml")
    assert (tmp_path / "runs").read_text() == "x"


def test_a_missing_plugin_is_reported(tmp_path):
    (tmp_path / "plugin_d.py").write_text(PLUGIN)
    (tmp_path / "x.yaml").write_text(f"{CONFIG}plugins:\n  - plugin_dd.py\n")
    assert refused("x.yaml", plugins=["other.py"]).splitlines() == [
        f"<command line>: plugins.1: there is no file {tmp_path}/other.py.",
        f"x.yaml:3: plugins.0: there is no file {tmp_path}/plugin_dd.py. Did you mean 'plugin_d.py'?",
    ]


def test_a_failing_plugin_is_reported_with_its_line_and_cause(tmp_path):
    (tmp_path / "plugin_e.py").write_text("x = 1\nnot_there\n")
    (tmp_path / "x.yaml").write_text(f"plugins: [plugin_e.py]\n{CONFIG}")
    with pytest.raises(ConfigError) as caught:
        load_config("x.yaml")
    assert str(caught.value) == (
        f"x.yaml:1: plugins.0: {tmp_path}/plugin_e.py, line 2, raises "
        "NameError: name 'not_there' is not defined. Fix the file."
    )
    assert isinstance(caught.value.__cause__, NameError)


def test_a_plugin_with_a_syntax_error_is_reported(tmp_path):
    (tmp_path / "plugin_f.py").write_text("x = (\n")
    (tmp_path / "x.yaml").write_text(CONFIG)
    assert refused("x.yaml", plugins=["plugin_f.py"]) == (
        f"<command line>: plugins.0: {tmp_path}/plugin_f.py raises SyntaxError: '(' was never closed "
        "(plugin_f.py, line 1). Fix the file."
    )


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError", "ValueError"),
        ("raise ValueError('it broke.')", "ValueError: it broke"),
        ("raise OSError('one\\n  two')", "OSError: one two"),
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        (
            "from segkit.registries import LOSSES; LOSSES.register('x')(lambda a, *, b: None)",
            "RegistryError: plugin_g.<lambda>: loss 'x' takes 'a' before '*', where segkit supplies the values: only "
            "classes may stand there. Put settings after '*'",
        ),
    ],
)
def test_a_plugin_that_fails_is_reported_with_its_cause(tmp_path, program, cause):
    (tmp_path / "plugin_g.py").write_text(f"{program}\n")
    (tmp_path / "x.yaml").write_text(CONFIG)
    message = refused("x.yaml", plugins=["plugin_g.py"])
    assert message == f"<command line>: plugins.0: {tmp_path}/plugin_g.py, line 1, raises {cause}. Fix the file."


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ("[plugin_n]", "plugins.0: there is no file {here}/plugin_n. Did you mean 'plugin_n.py'?"),
        ("[parts/plugin_n.py]", "plugins.0: there is no file {here}/parts/plugin_n.py."),
        ("[parts]", "plugins.0: {here}/parts is a folder. Name a file."),
        ("['']", "plugins.0: {here} is a folder. Name a file."),
        ("[notes.txt]", "plugins.0: {here}/notes.txt is not a Python file. Name a file that ends in '.py'."),
        ("[3]", "plugins.0: must be a string, not 3. Put it in quotes."),
        ("[null]", "plugins.0: must be a string, not null."),
        ("[[plugin_n.py]]", "plugins.0: must be a string, not a list."),
        ("plugin_n.py", "plugins: must be a list of strings, not 'plugin_n.py'."),
        ("{plugin_n.py: true}", "plugins: must be a list of strings, not a mapping."),
    ],
)
def test_what_is_no_plugin_is_refused(write, tmp_path, plugins, message):
    model = "model: {type: per_pixel, backbone: {type: plain}}\n"
    write({"plugin_n.py": "", "notes.txt": "", "parts/other.py": "", "x.yaml": f"{model}plugins: {plugins}\n"})
    assert refused("x.yaml") == f"x.yaml:2: {message.format(here=tmp_path)}"


@pytest.mark.parametrize(("name", "where"), [("json", "json/__init__.py)"), ("sys", "(built in)")])
def test_a_plugin_named_like_another_module_is_refused(tmp_path, name, where):
    (tmp_path / f"{name}.py").write_text(PLUGIN)
    (tmp_path / "x.yaml").write_text(CONFIG)
    message = refused("x.yaml", plugins=[f"{name}.py"])
    assert message.startswith(f"<command line>: plugins.0: there is another module '{name}' (")
    assert message.endswith(f"{where}. Rename {tmp_path}/{name}.py.")


def test_a_plugin_whose_name_cannot_be_imported_is_refused(tmp_path):
    (tmp_path / "my-parts.py").write_text(PLUGIN)
    (tmp_path / "x.yaml").write_text(CONFIG)
    assert refused("x.yaml", plugins=["my-parts.py"]) == (
        f"<command line>: plugins.0: {tmp_path}/my-parts.py has a name that cannot be imported. "
        "Use only letters, digits and '_'."
    )


def test_a_plugin_s_part_of_a_taken_name_needs_its_file_s_name(tmp_path):
    plugin = PLUGIN.replace("BACKBONES", "LOSSES").replace("mine", "dice").replace("depth: int", "smooth: float = 1")
    (tmp_path / "plugin_h.py").write_text(plugin)
    model = "model: {type: per_pixel, backbone: {type: plain}}\n"
    (tmp_path / "x.yaml").write_text(f"plugins: [plugin_h.py]\n{model}criterion:\n  losses: [{{type: dice}}]\n")
    assert refused("x.yaml") == (
        "x.yaml:4: criterion.losses.0.type: loss 'dice' is provided by plugin_h.py and segkit. "
        "Choose one: 'plugin_h.py/dice' or 'segkit/dice'."
    )
    load_config("x.yaml", ["criterion.losses.0.type=segkit/dice"])
    load_config("x.yaml", ["criterion.losses.0.type=plugin_h.py/dice", "criterion.losses.0.smooth=2"])
    assert LOSSES.get("plugin_h.py/dice").__module__ == "plugin_h"
