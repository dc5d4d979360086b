"""ONNX files: written by torch's exporter, run by ONNX Runtime on the CPU."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from segkit.errors import ExportError, cause_of
from segkit.export.metadata import KEY, FileInfo
from segkit.export.quietly import quietly
from segkit.runtime.extras import import_extra
from segkit.runtime.reading import read_bytes

OPSET = 18
"""Version of ONNX's operators. Resizing is exact from 18 on."""
INPUT = "images"
DIGEST = "segkit_sha256"
"""The name of the digest in the metadata. It is the last entry of the file, and covers what is before it."""
_AXES = {0: "batch", 2: "height", 3: "width"}


def write_onnx(program: ExportedProgram, path: Path, info: FileInfo, outputs: list[str]) -> None:
    """Writes a traced program with its metadata.

    Args:
        program: Traced with images alone.
        path: The file.
        info: The metadata.
        outputs: Names of the tensors that the program returns, in order.

    Raises:
        ExportError: An operation has no form in ONNX, the file would be larger than 2 GiB.
    """
    try:
        with quietly():
            made = torch.onnx.export(
                program, dynamo=True, opset_version=OPSET, input_names=[INPUT], output_names=outputs, verbose=False
            )
        assert made is not None, "the exporter of torch.export programs returns the model"
        model = made.model_proto
    except Exception as error:
        raise ExportError(f"ONNX cannot hold the model: {_first_cause(error)}. Use --format torch.") from error
    _name_axes(model, program)
    save_model(model, path, info)


def save_model(model: Any, path: Path, info: FileInfo) -> None:
    """Writes a model of the package onnx with metadata and digest.

    Args:
        model: Its earlier metadata is dropped.
        path: The file.
        info: The metadata.

    Raises:
        ExportError: The file would be larger than 2 GiB.
    """
    onnx = import_extra("onnx", "export")
    onnx.helper.set_model_props(model, {KEY: info.to_json()})
    try:
        content = model.SerializeToString()
    except ValueError as error:  # protobuf's limit
        raise ExportError(
            f"the ONNX file would be larger than 2 GiB ({cause_of(error)}). Use --format torch."
        ) from error
    path.write_bytes(content + _last_entry(hashlib.sha256(content).hexdigest()))


def _last_entry(digest: str) -> bytes:
    """Returns the metadata entry of a digest. In protobuf, what follows a message is merged into it."""
    # Field 14 of a model is an entry, whose fields 1 and 2 are key and value, each as tag, length and bytes.
    entry = b"".join(bytes([tag, len(text)]) + text.encode() for tag, text in ((0x0A, DIGEST), (0x12, digest)))
    return bytes([0x72, len(entry)]) + entry


def _first_cause(error: BaseException) -> str:
    """Returns what an operation failed with; the exporter adds advice for its own developers around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return cause_of(error).rstrip(".")


def _name_axes(model: Any, program: ExportedProgram) -> None:
    """Gives the dynamic dimensions of inputs and outputs their names; the exporter numbers them."""
    image = next(node for node in program.graph.nodes if node.op == "placeholder" and node.name == INPUT)
    names = {str(image.meta["val"].shape[axis]): name for axis, name in _AXES.items()}
    for value in (*model.graph.input, *model.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in names:
                dimension.dim_param = names[dimension.dim_param]


def _is_intact(content: bytes, digest: str) -> bool:
    """Tells whether a file ends in the entry of its digest, and is as it was written before that."""
    last = _last_entry(digest)
    before = memoryview(content)[: len(content) - len(last)]
    return content.endswith(last) and hashlib.sha256(before).hexdigest() == digest


class OnnxFile:
    """An ONNX file in ONNX Runtime, on the CPU, with as many threads as torch uses.

    Args:
        path: The file.

    Raises:
        ExportError: It is damaged, or not a file of segkit.
    """

    def __init__(self, path: Path) -> None:
        runtime = import_extra("onnxruntime", "export")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors alone
        try:
            content = read_bytes(path)
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        # ONNX Runtime's errors have no common base.
        except Exception as error:
            raise ExportError(
                f"{path}: cannot be read as ONNX ({cause_of(error)}). The file is damaged. Export the checkpoint again."
            ) from error
        properties = self._session.get_modelmeta().custom_metadata_map
        if KEY not in properties:
            raise ExportError(f"{path}: was not written by segkit export: it has no metadata '{KEY}'.")
        if DIGEST in properties and not _is_intact(content, properties[DIGEST]):
            raise ExportError(
                f"{path}: its bytes differ from the digest in its metadata. The file is damaged, or another program "
                f"changed it. Export the checkpoint again. If you changed it yourself, remove its metadata '{DIGEST}'."
            )
        self.info = FileInfo.from_json(properties[KEY], str(path))
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """(B,3,H,W) uint8 RGB -> outputs by name."""
        values = self._session.run(None, {INPUT: images.contiguous().numpy()})
        return {name: torch.from_numpy(value) for name, value in zip(self._outputs, values, strict=True)}
