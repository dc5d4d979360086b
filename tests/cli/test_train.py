"""`segkit train`, from the command line to the run's folder."""

import pytest

from segkit.cli.main import main
from segkit.config import load_config
from tests.helpers.tiny import lines_of, write_tiny


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write_tiny(tmp_path))


def test_a_run_named_like_its_config(config, capsys):
    assert main(["train", config, "training.steps=1"]) == 0
    out = capsys.readouterr().out
    assert f"{config} -> runs/tiny: 2.8 M trainable parameters, 8 classes, 2 images a step, fp32 on 1 x " in out
    assert "step 1/1 | total " in out
    assert out.endswith("checkpoints: runs/tiny/best\nimages: runs/tiny/evaluation/overlays\n")


def test_overrides_output_resume_and_init_from(config, tmp_path, capsys):
    run = tmp_path / "mine"
    assert main(["train", config, "--output", str(run), "training.steps=1", "training.seed=3"]) == 0
    assert load_config(run / "config.yaml").experiment.training.seed == 3

    assert main(["train", config, "--output", str(run), "--resume", "training.steps=2", "training.seed=3"]) == 0
    assert [line["step"] for line in lines_of(run) if "losses" in line] == [1, 2]
    assert "resumed from" in capsys.readouterr().out

    arguments = ["--output", "other", "training.steps=1", f"init_from={run}", "--reset-head"]
    assert main(["train", config, *arguments]) == 0
    out = capsys.readouterr().out
    assert f"initialized from {run}: " in out
    assert "2 only in the model, unchanged: transformer_decoder.class_head.weight" in out


def test_a_taken_output_is_refused_in_one_line(config, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").touch()
    assert main(["train", config, "--output", "mine"]) == 1
    assert capsys.readouterr().err == (
        "error: mine: holds a run already. Give another --output, or continue it with --resume.\n"
    )


def test_a_wrong_config_is_refused_before_anything_is_written(config, tmp_path, capsys):
    assert main(["train", config, "training.stepz=1", "model.backbone.nmae=x"]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 2
    assert captured.out == ""
    assert not (tmp_path / "runs").exists()


def test_the_device_is_chosen(config, tmp_path, capsys):
    assert main(["train", config, "--device", "gpu"]) == 2
    assert capsys.readouterr().err.startswith("error: device 'gpu' cannot be used here (")
    assert not (tmp_path / "runs").exists()
    assert main(["train", config, "--device", "cpu", "training.steps=1"]) == 0
    assert "fp32 on 1 x cpu" in capsys.readouterr().out


def test_a_dry_run(config, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", str(config), "--dry-run", "--output", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    assert f"{config}: is tried, which takes about a minute; nothing is kept" in shown
    assert all(f"│ {about} " in shown for about in ("data.train", "learning", "memory", "time", "disk"))
    assert sorted(tmp_path.rglob("*")) == before
    assert main(["train", str(config), "--dry-run", "training.optimizer.lr=1e30"]) == 1
    assert "│ wrong │" in capsys.readouterr().out
    assert main(["train", str(config), "--dry-run", "--max-time", "1h"]) == 1
    assert capsys.readouterr().err == (
        "error: --max-time: no effect with --dry-run. It ends after about a minute and makes no run. Leave out: "
        "--max-time.\n"
    )
