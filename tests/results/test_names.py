"""Names of result files."""

from segkit.results.names import NumberedNames, OutputNames
from segkit.video.sources import name_of


def test_images_of_one_name_do_not_overwrite_each_other(tmp_path):
    names = OutputNames()
    files = ["x/street.jpg", "y/street.jpg", "z/y/street.jpg", "y/street.png", "y/STREET.bmp", "x/other.jpg"]

    given = [names.of(file) for file in files]

    assert given == ["street", "y_street", "street_2", "street_3", "STREET_4", "other"]
    assert [names.of(file) for file in files] == given
    assert len({name.lower() for name in given}) == len(files)


def test_numbered_names_interleave_those_of_the_processes():
    first, second = NumberedNames(0, 2), NumberedNames(1, 2)
    assert [first.of(file) for file in ("a.png", "c.png", "a.png")] == ["000000000", "000000002", "000000000"]
    assert [second.of(file) for file in ("b.png", "d.png")] == ["000000001", "000000003"]
    assert first.files == ["a.png", "c.png"]


def test_videos_of_one_name():
    names = OutputNames(name_of)
    videos = ["films/a.mkv", "films/a.mp4", "other/a.mp4", "films/a_%04d.png", "0", "rtsp://host/a"]
    assert [names.of(video) for video in videos] == ["a", "films_a", "other_a", "a_2", "camera_0", "host_a"]
