"""Puts `configs/` into the wheel as `segkit/configs`: one copy in the tree serves both. All else: pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path(__file__).parent / "configs"


class BuildWithConfigs(build_py):
    """Copies the configs beside the modules of the package; an editable install finds them in the clone."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree(CONFIGS, Path(self.build_lib) / "segkit" / "configs", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
