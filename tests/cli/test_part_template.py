"""`segkit new-plugin --kind`: what is written keeps the contract of its kind."""

import doctest
import inspect
import sys
from importlib import import_module

import pytest

from segkit.cli._part_template import PARTS
from segkit.cli.main import main
from segkit.registries import BY_KIND
from segkit.registries.registry import Registry


def test_every_kind_has_a_template():
    assert set(PARTS) == set(BY_KIND)


@pytest.mark.parametrize("kind", PARTS)
def test_the_part_keeps_its_contract(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    package = f"acme_new_{kind}"
    assert main(["new-plugin", package.replace("_", "-"), "--kind", kind, "--output", "acme"]) == 0
    assert capsys.readouterr().out == (
        f"wrote acme: README.md, {package}/__init__.py, {package}/{kind}.py, pyproject.toml, tests/test_part.py\n"
        f"next:\n  pip install -e acme\n  python -m pytest acme\n  segkit describe {kind}\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "acme")
    module = import_module(f"{package}.{kind}")
    source = (tmp_path / "acme/tests/test_part.py").read_text()
    names = {}
    exec(compile(source, "test_part.py", "exec"), names)
    test = names["test_the_part_keeps_its_contract"]
    (tmp_path / "sample").mkdir()
    test(*([tmp_path / "sample"] if inspect.signature(test).parameters else []))
    assert doctest.testmod(module).failed == 0
    # Its signature is a schema: the registry of its kind takes it.
    real = BY_KIND[kind]
    registry = Registry(kind, "acme", real.contract, injected=tuple(real.supplied), base=real.base)
    registry.register("acme")(getattr(module, PARTS[kind]))
    assert f'[project.entry-points."segkit.{real.plural}"]' in (tmp_path / "acme/pyproject.toml").read_text()
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def test_kinds_are_spelled_as_elsewhere(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["new-plugin", "acme-parts", "--kind", "backbon"])
    assert "Did you mean 'backbone'?" in capsys.readouterr().err
    assert main(["new-plugin", "acme-parts", "--kind", "losses", "--output", str(tmp_path / "acme")]) == 0
    assert (tmp_path / "acme/acme_parts/loss.py").is_file()
