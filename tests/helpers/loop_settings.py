"""What tests of the training loop, built by hand, have in common."""

from dataclasses import fields

from segkit.training.loop_settings import LoopSettings


def split_settings(**given):
    """Returns the settings of a loop among these, and the arguments of the Trainer."""
    names = {field.name for field in fields(LoopSettings)}
    own = {name: value for name, value in given.items() if name in names}
    return LoopSettings(**own), {name: value for name, value in given.items() if name not in names}
