"""What lies in a folder."""

import re

import pytest

from segkit.data.listing import list_folder, list_tree, named, warn_of_the_rest
from segkit.errors import DataError


def names(paths):
    return [path.name for path in paths]


@pytest.fixture
def folder(tmp_path):
    files = "b.PNG a.jfif notes.txt photo.heic ._a.jfif .DS_Store Thumbs.db deep/c.png empty/notes.txt .git/d.png"
    for name in files.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_each_file_has_its_list_and_hidden_files_have_none(folder):
    listing = list_folder(folder)
    assert names(listing.images) == ["a.jfif", "b.PNG"]
    assert names(listing.others) == ["notes.txt", "photo.heic"]
    assert names(listing.deeper) == ["deep"]


def test_one_warning_names_the_rest(folder):
    message = (
        f"{folder}: not read: 2 files without the suffix of an image: notes.txt, photo.heic; 1 sub-folder with images: "
        "deep."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        warn_of_the_rest(list_folder(folder))


@pytest.mark.filterwarnings("error")
def test_without_a_rest_there_is_no_warning(folder):
    warn_of_the_rest(list_folder(folder / "deep"))


def test_hidden_images_are_named(folder, tmp_path):
    (tmp_path / ".c.png").touch()
    assert [list_folder(folder).hidden, list_tree(folder).hidden] == 2 * [[tmp_path / ".c.png"]]
    with pytest.warns(UserWarning, match=r"; 1 hidden image: \.c\.png\.$"):
        warn_of_the_rest(list_folder(folder))


def test_many_files_are_counted(tmp_path):
    assert named([tmp_path / f"{index}.txt" for index in range(5)]) == "0.txt, 1.txt, 2.txt and 2 more"


def test_a_folder_that_cannot_be_listed(tmp_path):
    message = f"{tmp_path}/none: cannot list the folder (No such file or directory)."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        list_folder(tmp_path / "none")


def test_a_tree_has_the_files_of_all_sub_folders(folder):
    (folder / "deep" / "deeper").mkdir()
    (folder / "deep" / "deeper" / "e.png").touch()
    (folder / "deep" / "deeper" / "round").symlink_to(folder)
    listing = list_tree(folder)
    assert [listing.name_of(file) for file in listing.images] == ["a.jfif", "b.PNG", "deep/c.png", "deep/deeper/e.png"]
    assert names(listing.others) == ["notes.txt", "notes.txt", "photo.heic"]
    assert listing.deeper == []
    without = list_tree(folder, without=folder / "deep")
    assert names(without.images) == ["a.jfif", "b.PNG"]


def test_a_tree_that_cannot_be_listed(tmp_path):
    message = f"{tmp_path}/none: cannot list the folder (No such file or directory)."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        list_tree(tmp_path / "none")


def test_hidden_folders_with_images_are_told(folder):
    for name in (".old/e.png", ".empty/notes.txt"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    assert names(list_folder(folder).deeper) == [".old", "deep"]
    assert names(list_tree(folder).deeper) == [".old"]
    with pytest.warns(UserWarning, match=r"; 1 sub-folder with images: \.old\.$"):
        warn_of_the_rest(list_tree(folder))
