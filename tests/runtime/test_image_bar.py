"""The bar of images: shown by the first process on a terminal, and nowhere else."""

from segkit.runtime.image_bar import image_bar


def shown(capsys, **processes):
    with image_bar("reading data.train", 8, **processes) as advance:
        advance(3)
    return capsys.readouterr().out


def test_only_a_terminal_shows_it(capsys, monkeypatch):
    assert shown(capsys) == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "reading data.train" in shown(capsys)
    assert shown(capsys, rank=1, num_processes=2) == ""


def test_the_other_processes_count_too(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "75%" in shown(capsys, rank=0, num_processes=2)
