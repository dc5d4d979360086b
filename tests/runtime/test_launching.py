"""What a launcher asks for by environment variables."""

import pytest

from segkit.errors import ConfigError
from segkit.runtime.launching import ENGINES, refuse_other_engines, refuse_other_settings
from segkit.runtime.processes import join_processes, make_accelerator


@pytest.mark.parametrize("variable", ENGINES)
@pytest.mark.parametrize("value", ["true", "1"])
def test_other_engines_are_refused_by_name(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    for call in (refuse_other_engines, lambda: join_processes("cpu"), lambda: make_accelerator("fp32", "cpu")):
        with pytest.raises(ConfigError) as caught:
            call()
        assert str(caught.value) == (
            f"accelerate launch: {ENGINES[variable]} is not supported ({variable}={value}). segkit trains with "
            "DistributedDataParallel, which keeps a copy of the model on each GPU. Turn it off in `accelerate config`, "
            "or use torchrun."
        )


@pytest.mark.parametrize("value", ["false", "False", "0", ""])
def test_an_engine_that_is_turned_off_is_none(monkeypatch, value):
    for variable in ENGINES:
        monkeypatch.setenv(variable, value)
    refuse_other_engines()


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("ACCELERATE_MIXED_PRECISION", "fp16", "training.precision"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "2", "training.accumulate"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", "training.compile"),
    ],
)
def test_what_the_config_sets_is_refused(monkeypatch, variable, value, setting):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        make_accelerator("bf16", "cpu")
    assert str(caught.value) == (
        f"accelerate launch: {variable}={value} has no effect. Set {setting} in the config, and turn it off in "
        "`accelerate config`."
    )


def test_the_defaults_of_the_launcher_pass(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "NO")
    refuse_other_settings("bf16")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    refuse_other_settings("fp32")
