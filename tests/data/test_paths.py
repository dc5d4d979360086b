import pytest

from segkit.data.paths import dataset_folder, dataset_path
from segkit.errors import DataError

LOOKED_UP = "Relative paths are looked up in"
NOTHING = "there is no such file or folder."
SET = "Set SEGKIT_DATASETS to the folder that holds your datasets, or give an absolute path."
UNDER_VARIABLE = (
    f"Relative paths are looked up in the folder that the environment variable SEGKIT_DATASETS names. {SET}"
)


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


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "data" / "camvid").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEGKIT_DATASETS", "~/data")
    assert dataset_path("camvid") == dataset_path("~/data/camvid") == tmp_path / "data" / "camvid"


def test_a_relative_root_lies_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "data" / "camvid").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGKIT_DATASETS", "data")
    assert dataset_path("camvid") == tmp_path / "data" / "camvid"


@pytest.mark.parametrize(
    ("variable", "path", "message"),
    [
        (
            "{here}/data",
            "ade20k/images",
            f"{{here}}/data/ade20k/images: {NOTHING} {UNDER_VARIABLE}",
        ),
        (
            "",
            "ade20k",
            f"{{here}}/datasets/ade20k: {NOTHING} Did you mean 'data'? {LOOKED_UP} ./datasets. {SET}",
        ),
        (
            "{here}/data",
            "camvdi/images",
            f"{{here}}/data/camvdi/images: {NOTHING} Did you mean 'camvid'? {UNDER_VARIABLE}",
        ),
        (
            "{here}/dta",
            "camvid",
            f"{{here}}/dta/camvid: {NOTHING} Did you mean 'data'? {UNDER_VARIABLE}",
        ),
        (
            "{here}/data",
            "{here}/data/camvid/meta.jsn",
            f"{{here}}/data/camvid/meta.jsn: {NOTHING} Did you mean 'meta.json'? Correct the path.",
        ),
        (
            "{here}/data",
            "{here}/data/camvid/meta.json/0",
            f"{{here}}/data/camvid/meta.json/0: {NOTHING} Correct the path.",
        ),
    ],
)
def test_a_missing_path_is_refused_with_the_place_of_the_lookup(tmp_path, monkeypatch, variable, path, message):
    (tmp_path / "data" / "camvid").mkdir(parents=True)
    (tmp_path / "data" / "camvid" / "meta.json").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGKIT_DATASETS", variable.format(here=tmp_path))
    with pytest.raises(DataError) as caught:
        dataset_path(path.format(here=tmp_path))
    assert str(caught.value) == message.format(here=tmp_path)


def test_a_folder_must_be_a_folder(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert dataset_folder(str(tmp_path)) == tmp_path
    with pytest.raises(DataError) as caught:
        dataset_folder(str(file))
    assert str(caught.value) == f"{file}: this is a file, but a folder is needed. Correct the path."


@pytest.mark.parametrize("path", ["~no-such-user/x", "a\0b", "a" * 5000, "/" + "a/" * 5000])
def test_impossible_paths_are_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGKIT_DATASETS", raising=False)
    with pytest.raises(DataError, match=NOTHING):
        dataset_path(path)
