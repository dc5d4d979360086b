"""Files that come with segkit are found in a clone; tests/test_packaging.py looks into a wheel."""

from pathlib import Path

import pytest

from segkit.config import load_config
from segkit.data.paths import dataset_path
from segkit.errors import ConfigError, DataError
from segkit.runtime.shipped import shipped_path

CONFIGS = Path(__file__).parents[2] / "configs"


def test_a_config_and_a_dataset_may_name_them():
    file = CONFIGS / "quickstart.yaml"
    assert Path(load_config("segkit://quickstart.yaml").path) == file
    assert Path(shipped_path("segkit://quickstart.yaml")) == dataset_path("segkit://quickstart.yaml") == file


def test_other_paths_stay():
    assert shipped_path("base/mask_former.yaml") == "base/mask_former.yaml"
    assert shipped_path("s3://bucket/images") == "s3://bucket/images"
    assert shipped_path("torch://a.yaml") == "torch://a.yaml"  # installed, but without parts


def test_a_missing_one_is_named(tmp_path):
    (tmp_path / "x.yaml").write_text("extends: segkit://base/mask_fromer.yaml")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "x.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/x.yaml:1: extends: there is no file {CONFIGS}/base/mask_fromer.yaml. Did you mean "
        "'mask_former.yaml'?"
    )
    with pytest.raises(DataError, match=r"there is no such file or folder\. Did you mean 'quickstart\.yaml'"):
        dataset_path("segkit://quickstrat.yaml")
