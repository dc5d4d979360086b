"""Tracing a program with torch.export, and naming the part that does not trace."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from segkit.errors import ExportError, SegkitError, cause_of
from segkit.export.program import TRACED_BATCH, ExportProgram, example_images
from segkit.export.quietly import quietly
from segkit.export.size_range import LARGEST, SizeRange


def trace(program: ExportProgram, sizes: SizeRange) -> ExportedProgram:
    """Traces a program for any batch, and for images of the sizes of a range.

    Raises:
        ExportError: A part of the model does not trace; it is named.
    """
    images = example_images(TRACED_BATCH, *sizes.traced())
    dynamic: dict[int, Dim] = {0: Dim("batch", min=1)}
    if not sizes.is_fixed:
        # Wider than the range: in a narrow one, numbers such as those of windows would be constants.
        dynamic[2] = Dim("height", min=sizes.lowest[0], max=sizes.highest[0] + LARGEST)
        dynamic[3] = Dim("width", min=sizes.lowest[1], max=sizes.highest[1] + LARGEST)
    try:
        with torch.no_grad():
            # Parts may keep what they read of their weights: values cannot be read while they are traced.
            program(example_images(TRACED_BATCH, *sizes.examples()[0]))
        with torch.no_grad(), quietly():
            # What depends on a size becomes a check in the program, where it would else restrict the sizes.
            traced = torch.export.export(
                program, (images,), dynamic_shapes=(dynamic,), prefer_deferred_runtime_asserts_over_guards=True
            )
    except SegkitError:
        raise
    except Exception as error:
        advice = "" if sizes.is_fixed else " A fixed size may help: --size HxW."
        raise ExportError(
            f"{_named(error, program.model)} does not trace: {_cause(error)}. Computations must not depend on values "
            f"of tensors, and sizes must stay symbolic.{advice}"
        ) from error
    _remove_checks(traced)
    return traced


def _remove_checks(traced: ExportedProgram) -> None:
    """Removes the checks of sizes from a traced program.

    Most ask how tensors lie in memory, which changes no result, and fail for a batch of one. Whether the program holds
    for other sizes is found out by running it.
    """
    graph = traced.graph_module.graph
    for node in list(graph.nodes):
        if node.target is torch.ops.aten._assert_scalar.default:
            graph.erase_node(node)
    graph.eliminate_dead_code()
    traced.graph_module.recompile()


def _cause(error: Exception) -> str:
    """Returns what torch says. Where sizes are restricted, the first restriction follows in a line of its own."""
    lines = str(error).splitlines()
    restriction = next((line.strip(" -") for line in lines if line.startswith("  - ")), None)
    return (restriction or cause_of(error)).rstrip(".")


def _named(error: BaseException, model: nn.Module) -> str:
    """Returns the innermost module of the model that an exception passed through, in words."""
    names = {id(module): name for name, module in model.named_modules()}
    found = ""
    for module in _modules_in(error):
        found = names.get(id(module), found)
    inner = dict(model.named_modules())[found]
    return f"{found} ({type(inner).__name__})" if found else f"the model {type(model).__name__}"


def _modules_in(error: BaseException) -> Iterator[nn.Module]:
    """Yields the modules whose methods an exception and its causes passed through, outermost first."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for one in reversed(chain):
        frame = one.__traceback__
        while frame is not None:
            owner = frame.tb_frame.f_locals.get("self")
            if isinstance(owner, nn.Module):
                yield owner
            frame = frame.tb_next
