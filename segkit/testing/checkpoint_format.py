"""The contract of a checkpoint format.

* Importing its module does not load torch, since every installed format is asked about every source.
* It says what it looks for, recognizes the sample, and does not recognize an empty folder, another `config.json`, a
  text or a missing file.
* It reads the sample: the model is in eval mode, every tensor is loaded, and a model that is built anew from the config
  and the classes takes the tensors. Notes are sentences without a period at the end.
* If it writes: it recognizes what it wrote, and reads the same tensors, bit by bit, and the same class names.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segkit.build import build_model
from segkit.classes import Classes
from segkit.config import Config
from segkit.errors import with_article
from segkit.registries import CheckpointFormat, Imported, WritingFormat
from segkit.runtime.checkpoint_source import CheckpointSource
from segkit.testing._common import named, trying
from segkit.testing._modules import published


def check_checkpoint_format(format: CheckpointFormat, sample: str | Path, **options: Any) -> None:
    """Checks a built format on a small checkpoint of the other program.

    Args:
        format: The format.
        sample: The checkpoint, a file or folder.
        **options: What `read` needs beside it: `config`, `classes`, `things`.

    Raises:
        AssertionError: it breaks the contract; the message says how and what to do.

    Example:
        >>> from segkit.checkpoint_formats.huggingface_mask_former import HuggingFaceMaskFormer
        >>> try:
        ...     check_checkpoint_format(HuggingFaceMaskFormer(), "configs")
        ... except AssertionError as error:
        ...     print(str(error).splitlines()[0])
        checkpoint format HuggingFaceMaskFormer does not recognize the sample configs. Recognize it, or give another.
    """
    who = named("checkpoint format", format)
    _check_import(who, format)
    looks_for = published(who, format, "looks_for", str, "a str")
    assert looks_for.strip(), f"{who} publishes an empty `looks_for`. Say in words what it recognizes a checkpoint by."
    assert _recognizes(who, format, sample), (
        f"{who} does not recognize the sample {sample}. Recognize it, or give another."
    )
    with tempfile.TemporaryDirectory() as folder:
        for other in _others(Path(folder)):
            assert not _recognizes(who, format, other), (
                f"{who} recognizes {other.name}, which is no such checkpoint. Look at more of `source.config` or "
                "`source.tensor_names`."
            )
        imported = _read(who, format, sample, options)
        if isinstance(format, WritingFormat):
            _check_writing(who, format, imported, Path(folder) / "written", options)


def _check_import(who: str, format: CheckpointFormat) -> None:
    module = type(format).__module__
    if module == "__main__" or importlib.util.find_spec(module) is None:
        return
    program = f"import sys; sys.path[:] = {sys.path!r}; import {module}; sys.exit('torch' in sys.modules)"
    loads_torch = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode != 0
    assert not loads_torch, (
        f"{who} loads torch, or fails, when its module {module} is imported. Import what is slow inside `read` and "
        "`write`, since every installed format is asked about every source."
    )


def _others(folder: Path) -> list[Path]:
    """Paths that no format should recognize."""
    (folder / "an empty folder").mkdir()
    (folder / "another model").mkdir()
    (folder / "another model/config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["Bert"]}))
    (folder / "a text").write_text("some text")
    return [folder / name for name in ("an empty folder", "another model", "a text", "a missing file")]


def _recognizes(who: str, format: CheckpointFormat, source: str | Path) -> bool:
    with trying(who, f"when it is asked whether it recognizes {source}"):
        answer = format.recognizes(CheckpointSource(source))
    assert isinstance(answer, bool), f"{who} answers {answer!r} for {source}. Return True or False."
    return answer


def _read(who: str, format: CheckpointFormat, source: str | Path, options: dict[str, Any]) -> Imported:
    with trying(who, f"when it reads {source}"):
        imported = format.read(CheckpointSource(source), **options)
    for attribute, kind in (("model", nn.Module), ("config", Config), ("classes", Classes)):
        value = getattr(imported, attribute, None)
        assert isinstance(value, kind), (
            f"{who} reads {attribute} = {type(value).__name__}. Return an Imported with "
            f"{with_article(kind.__name__)} there."
        )
    assert not imported.model.training, f"{who} reads a model in training mode. Call its eval()."
    report = imported.report
    complete = report.loaded and not report.missing and not report.reshaped
    assert complete, (
        f"{who} reads a model that lacks tensors: {report}. Raise CheckpointError where one is missing or does not fit."
    )
    bad = next((note for note in imported.notes if not note.strip() or note.rstrip().endswith(".")), None)
    assert bad is None, f"{who} gives the note {bad!r}. Write a sentence without a period at the end."
    with trying(who, "when a model is built anew from the config and the classes that it read"):
        again = build_model(imported.config, imported.classes, initial_weights=False)
        again.load_state_dict(imported.model.state_dict())
    return imported


def _check_writing(who: str, format: WritingFormat, imported: Imported, folder: Path, options: dict[str, Any]) -> None:
    folder.mkdir()
    with trying(who, "when it writes what it read"):
        notes = format.write(imported.model, imported.config, imported.classes, folder)
    assert isinstance(notes, list), f"{who} returns {notes!r} from `write`. Return a list of notes; it may be empty."
    assert _recognizes(who, format, folder), f"{who} does not recognize what it wrote. Write all it looks for."
    again = _read(who, format, folder, options)
    before, after = imported.model.state_dict(), again.model.state_dict()
    same = before.keys() == after.keys() and all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert same, f"{who} reads other tensors from what it wrote. Write every tensor as it is, bit by bit."
    assert again.classes.names == imported.classes.names, (
        f"{who} reads the classes {', '.join(again.classes.names)} from what it wrote, instead of "
        f"{', '.join(imported.classes.names)}. Write the names."
    )
