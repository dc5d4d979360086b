"""Smaller forms of an ONNX file by ONNX Runtime's own tools: half precision and integers of 8 bits."""

import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from segkit.errors import ExportError, WriteError, cause_of
from segkit.export.metadata import FileInfo
from segkit.export.onnx_file import save_model
from segkit.export.quietly import quietly
from segkit.runtime.extras import import_extra

FilePrecision = Literal["fp32", "fp16", "int8", "int8-dynamic"]
"""Number format of a file: `int8` fixes the ranges of activations by images, `int8-dynamic` measures them in each
run."""
CALIBRATED = 32
"""Images that the ranges of `int8` are measured with."""


def convert(path: Path, precision: FilePrecision, info: FileInfo, images: Iterable[Tensor]) -> None:
    """Replaces an ONNX file in fp32 by one in another precision.

    Only convolutions and products with weights get 8 bits. Inputs, outputs and the results of the task keep their
    types.

    Args:
        path: The file.
        precision: Not fp32.
        info: The metadata of the new file.
        images: (1,3,H,W) uint8 RGB, for `int8`.

    Raises:
        ExportError: ONNX Runtime cannot convert the file, or a package is missing.
        WriteError: A disk is full.
    """
    onnx = import_extra("onnx", "export")
    quantization = import_extra("onnxruntime.quantization", "export")
    model = onnx.load(path)
    try:
        with quietly():
            if precision == "fp16":
                half = import_extra("onnxruntime.transformers.float16", "export")
                model = half.convert_float_to_float16(model, keep_io_types=True)
            else:
                settings = {
                    "op_types_to_quantize": ["Conv", "Gemm", "MatMul"] if precision == "int8" else ["Gemm", "MatMul"],
                    "nodes_to_exclude": _without_weights(model),
                    "per_channel": True,
                }
                if precision == "int8":
                    quantization.quantize_static(model, path, _reader(quantization, images), **settings)
                else:
                    quantization.quantize_dynamic(model, path, **settings)
                model = onnx.load(path)
    except OSError as error:
        raise WriteError(
            f"ONNX Runtime cannot convert the file to {precision} ({error.strerror or error}). It writes beside the "
            f"file and into {tempfile.gettempdir()}: make room there, or name another folder by TMPDIR."
        ) from error
    # The tools raise whatever they stumble over.
    except Exception as error:
        raise ExportError(f"ONNX Runtime cannot convert the file to {precision} ({cause_of(error)}).") from error
    save_model(model, path, info)


def _without_weights(model: Any) -> list[str]:
    """Returns the names of products of two activations: attention and the sums of the results keep their precision."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [node.name for node in model.graph.node if node.op_type == "MatMul" and not weights & set(node.input)]


def _reader(quantization: Any, images: Iterable[Tensor]) -> Any:
    """Returns ONNX Runtime's form of an iterator over inputs."""

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.inputs: Iterator[dict[str, Any]] = ({"images": image.numpy()} for image in islice(images, CALIBRATED))

        def get_next(self) -> dict[str, Any] | None:
            return next(self.inputs, None)

    return Reader()
