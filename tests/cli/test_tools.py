"""`tools/*.py`: a script for every command, each the same as `segkit <command>`, and scripts of the project."""

import subprocess
import sys
from pathlib import Path

import pytest

from segkit.cli.main import commands

TOOLS = Path(__file__).parents[2] / "tools"
OTHER_TOOLS = {"benchmark", "draw_readme_image", "generate_docs"}
"""Scripts that are no commands of segkit."""


def test_every_command_has_a_script_and_every_script_a_command():
    commands_of_scripts = {path.stem.replace("_", "-") for path in TOOLS.glob("*.py") if path.stem not in OTHER_TOOLS}
    assert commands_of_scripts == set(commands())


@pytest.mark.parametrize("tool", sorted(TOOLS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_runs_from_anywhere(tool, tmp_path):
    done = subprocess.run([sys.executable, tool, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    program = f"tools/{tool.name}" if tool.stem in OTHER_TOOLS else f"segkit {tool.stem.replace('_', '-')}"
    assert done.stdout.startswith(f"usage: {program} ")
    assert done.stderr == ""
