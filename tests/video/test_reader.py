"""Frames of videos: their order, times and colors, and what is wrong with odd files."""

import re

import av
import numpy as np
import pytest
from PIL import Image

from segkit.errors import DataError
from segkit.video.reader import open_video
from tests.helpers.rtsp import camera
from tests.helpers.videos import gray_frames, write_stream, write_video


def read(path):
    with open_video(str(path)) as video:
        return [(frame.number, frame.seconds, frame.image) for frame in video.frames]


def test_frames_times_and_colors(tmp_path):
    times = [0.0, 0.1, 0.5, 0.55]
    write_video(tmp_path / "a.mp4", gray_frames(4), times=times)
    frames = read(tmp_path / "a.mp4")
    assert [number for number, _, _ in frames] == [0, 1, 2, 3]
    assert [seconds for _, seconds, _ in frames] == pytest.approx(times, abs=1e-3)
    assert [int(image.float().mean().round()) for _, _, image in frames] == pytest.approx([20, 30, 40, 50], abs=2)
    assert frames[0][2].shape == (3, 48, 64)


def test_odd_sides_are_padded(tmp_path):
    write_video(tmp_path / "a.mp4", gray_frames(2, (47, 63)))
    assert read(tmp_path / "a.mp4")[0][2].shape == (3, 48, 64)


def test_films_of_phones_stand_upright(tmp_path):
    lying = np.zeros((48, 64, 3), np.uint8)
    lying[:, :32] = 255  # the left half is white
    write_video(tmp_path / "a.mp4", [lying] * 2)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    matrix = content.index(b"tkhd") + 44
    one = (0x10000).to_bytes(4, "big")
    assert content[matrix : matrix + 4] == one
    # A quarter turn clockwise: (x, y) goes to (-y, x).
    content[matrix : matrix + 20] = bytes(4) + one + bytes(4) + (-0x10000).to_bytes(4, "big", signed=True) + bytes(4)
    (tmp_path / "a.mp4").write_bytes(content)
    image = read(tmp_path / "a.mp4")[0][2].float()
    assert image.shape == (3, 64, 48)
    assert image[:, :30].mean() > 240
    assert image[:, 34:].mean() < 15


def test_a_sequence_goes_by_numbers(tmp_path):
    for number in (9, 10, 11):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"frame_{number}.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "other_12.png")
    frames = read(tmp_path / "frame_%d.png")
    assert [(int(image[0, 0, 0]), seconds) for _, seconds, image in frames] == [(9, 0.0), (10, 0.04), (11, 0.08)]
    (tmp_path / "frame_10.png").unlink()
    with pytest.raises(
        DataError, match=r"frame_%d\.png: number 10 is missing between 9 and 11\. Number the images without gaps\."
    ):
        read(tmp_path / "frame_%d.png")


def test_another_size_ends_the_frames(tmp_path):
    write_stream(tmp_path / "a.ts", gray_frames(3))
    write_stream(tmp_path / "b.ts", gray_frames(3, (96, 64)))
    (tmp_path / "both.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    with open_video(str(tmp_path / "both.ts")) as video:
        assert [next(video.frames).number for _ in range(3)] == [0, 1, 2]
        with pytest.raises(DataError, match=r"both\.ts: frame 3 is 64 x 96 pixels, but those before it are 64 x 48\."):
            next(video.frames)


def noisy(count):
    return [np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8) for number in range(count)]


def test_a_damaged_frame_is_named(tmp_path):
    write_video(tmp_path / "a.mp4", noisy(30))
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    middle = content.index(b"mdat") + (content.index(b"moov") - content.index(b"mdat")) // 2
    content[middle : middle + 2000] = bytes(2000)
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mp4: frame \d+ cannot be decoded \(.+\)"):
        read(tmp_path / "a.mp4")


def test_two_images_of_one_number(tmp_path):
    for name in ("f_1.png", "f_001.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(DataError) as error:
        read(tmp_path / "f_%d.png")
    assert str(error.value) == (
        f"{tmp_path}/f_%d.png: f_001.png and f_1.png have one number. Remove or rename one of them."
    )


def cut(path):
    """Leaves the first half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_a_film_that_was_cut_off_before_its_index(tmp_path):
    write_video(tmp_path / "a.mp4", noisy(30))
    cut(tmp_path / "a.mp4")
    with pytest.raises(DataError) as error:
        read(tmp_path / "a.mp4")
    assert str(error.value) == (
        f"{tmp_path}/a.mp4: cannot be opened as a video (Invalid data found when processing input)."
    )


CONTAINERS = {
    "a.mkv": ("matroska", "libx264", None),
    "a.webm": ("webm", "libvpx-vp9", {"live": "1"}),
    "b.webm": ("webm", "libvpx-vp9", None),
    "a.avi": ("avi", "mpeg4", None),
    "a.flv": ("flv", "libx264", None),
    "a.mp4": ("mp4", "libx264", {"movflags": "faststart"}),
    "a.wmv": ("asf", "wmv2", None),
    "a.ts": ("mpegts", "libx264", None),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_film_that_was_cut_off(tmp_path, name):
    """All frames until there are read, and what the container says of its length tells that others are missing."""
    write_stream(tmp_path / name, noisy(50), 10, *CONTAINERS[name])
    assert len(read(tmp_path / name)) == 50
    cut(tmp_path / name)
    if name in ("a.ts", "a.webm"):  # a transport stream and what is sent live say no length
        assert len(read(tmp_path / name)) < 30
        return
    frames = []
    with open_video(str(tmp_path / name)) as video, pytest.raises(DataError) as error:
        frames.extend(video.frames)
    pattern = r": ends after (\d+) frames \((.+) s\), but says that it lasts 5\.[02] s\. It is cut off: copy it again\."
    found = re.fullmatch(re.escape(str(tmp_path / name)) + pattern, str(error.value))
    assert found, error.value
    assert 10 < int(found[1]) < 30
    assert 1 < float(found[2]) < 3.5


def test_a_broadcast_in_asf_says_no_length(tmp_path):
    write_stream(tmp_path / "a.wmv", noisy(50), 10, *CONTAINERS["a.wmv"])
    content = bytearray((tmp_path / "a.wmv").read_bytes())
    flags = content.index(bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365")) + 88
    content[flags] |= 1
    (tmp_path / "a.wmv").write_bytes(content)
    cut(tmp_path / "a.wmv")
    assert 10 < len(read(tmp_path / "a.wmv")) < 30


def test_a_container_that_lasts_as_long_as_its_sound(tmp_path):
    """Without a length of each stream, the sound that goes on after the last frame is none that is missing."""
    with av.open(str(tmp_path / "a.flv"), "w", format="flv") as container:
        stream, sound = container.add_stream("libx264", 10), container.add_stream("aac", 48_000)
        stream.height, stream.width, stream.pix_fmt, sound.layout = 48, 64, "yuv420p", "mono"
        for frame in gray_frames(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 48_000 * 5), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 48_000
        container.mux(sound.encode(samples))
        container.mux(sound.encode())
    assert len(read(tmp_path / "a.flv")) == 20


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.mp4", None, "No such file"),
        ("text.mp4", b"not a video at all", "cannot be opened as a video"),
        # A playlist may name any file or address of the machine.
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n", "cannot be opened"),
        ("concat.mp4", b"ffconcat version 1.0\nfile a.ts\n", "cannot be opened"),
    ],
)
def test_what_is_no_video(tmp_path, name, content, message):
    write_stream(tmp_path / "a.ts", gray_frames(3))
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path / name)
    assert name in str(error.value)


def test_a_camera_in_the_network(tmp_path):
    write_stream(tmp_path / "a.ts", gray_frames(12))
    with camera((tmp_path / "a.ts").read_bytes()) as address, open_video(address) as video:
        assert (video.rate, video.count) == (10, None)
        frames = list(video.frames)
    assert [frame.number for frame in frames] == list(range(len(frames)))
    for frame in frames[:10]:  # what FFmpeg keeps of a stream that breaks off may end a little earlier
        assert abs(frame.image.float().mean() - (20 + 10 * frame.number)) < 3
        assert frame.seconds == pytest.approx(frame.number / 10)
    assert len(frames) >= 10


def test_a_camera_that_falls_silent(tmp_path, monkeypatch):
    monkeypatch.setattr("segkit.video.reader.PATIENCE", 0.5)
    write_stream(tmp_path / "a.ts", gray_frames(23))
    content = (tmp_path / "a.ts").read_bytes()
    with camera(content, then_silent=True) as address, open_video(address) as video, pytest.raises(DataError) as error:
        list(video.frames)
    assert str(error.value).startswith(f"{address}: frame ")
    assert str(error.value).endswith(" cannot be decoded (nothing came for 0.5 seconds).")


def test_a_camera_that_is_not_there():
    with camera(b"") as address:
        pass
    with pytest.raises(DataError) as error, open_video(address):
        pass
    assert str(error.value).startswith(f"{address}: cannot be opened as a video (")
    assert "Connection refused" in str(error.value)
