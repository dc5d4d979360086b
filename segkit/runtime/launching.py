"""What `accelerate launch` may ask for that segkit does not do: refused by name, never ignored."""

import os

from segkit.errors import ConfigError

ENGINES = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "tensor, context and sequence parallelism",
    "ACCELERATE_USE_SAGEMAKER": "SageMaker",
}
"""Environment variable by which the launcher turns an engine on -> its name."""

_OFF = ("", "0", "false", "no", "n", "off")


def refuse_other_engines() -> None:
    """Checks that the launcher asks for no engine but DistributedDataParallel.

    Raises:
        ConfigError: It asks for FSDP, DeepSpeed or another one.

    Example:
        >>> refuse_other_engines()
        >>> os.environ["ACCELERATE_USE_FSDP"] = "true"
        >>> refuse_other_engines()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        segkit.errors.ConfigError: accelerate launch: FSDP is not supported ...
        >>> del os.environ["ACCELERATE_USE_FSDP"]
    """
    for variable, name in ENGINES.items():
        value = os.environ.get(variable, "")
        if value.lower() not in _OFF:
            raise ConfigError(
                f"accelerate launch: {name} is not supported ({variable}={value}). segkit trains with "
                "DistributedDataParallel, which keeps a copy of the model on each GPU. Turn it off in `accelerate "
                "config`, or use torchrun."
            )


def refuse_other_settings(precision: str) -> None:
    """Checks that the launcher sets nothing that the config sets.

    Args:
        precision: That of the config: `fp32`, `bf16` or `fp16`.

    Raises:
        ConfigError: The launcher asks for another precision, for accumulation or for compilation.
    """
    own = {"fp32": "no"}.get(precision, precision)
    for variable, allowed, setting in (
        ("ACCELERATE_MIXED_PRECISION", ("", "no", own), "training.precision"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", ("", "1"), "training.accumulate"),
        ("ACCELERATE_DYNAMO_BACKEND", ("", "no"), "training.compile"),
    ):
        value = os.environ.get(variable, "")
        if value.lower() not in allowed:
            raise ConfigError(
                f"accelerate launch: {variable}={value} has no effect. Set {setting} in the config, and turn it off in "
                "`accelerate config`."
            )
