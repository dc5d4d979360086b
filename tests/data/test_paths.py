import re

import pytest

from segkit.data.paths import dataset_path
from segkit.errors import DataError


def test_a_relative_path_lies_under_the_variables_folder(tmp_path, monkeypatch):
    (tmp_path / "camvid").mkdir()
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    assert dataset_path("camvid") == tmp_path / "camvid"


def test_without_the_variable_a_relative_path_lies_under_datasets(tmp_path, monkeypatch):
    (tmp_path / "datasets" / "camvid").mkdir(parents=True)
    monkeypatch.delenv("SEGKIT_DATASETS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert dataset_path("camvid") == tmp_path / "datasets" / "camvid"


def test_an_absolute_path_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGKIT_DATASETS", "/elsewhere")
    assert dataset_path(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("path", ["camvid", "{root}/camvid"])
def test_what_is_not_there_is_an_error_with_both_ways_out(tmp_path, monkeypatch, path):
    monkeypatch.setenv("SEGKIT_DATASETS", str(tmp_path))
    message = (
        f"{tmp_path}/camvid: there is no such file or folder. Set the environment variable SEGKIT_DATASETS to the "
        f"folder that holds your data sets, or give an absolute path."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        dataset_path(path.format(root=tmp_path))
