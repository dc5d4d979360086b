"""Says what is wrong with matches: losses would be computed of other queries or segments without a word."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segkit.errors import RegistryError, counted
from segkit.types import Match, Target


def require_matches(
    source: str, check: str, matches: Sequence[Match], targets: Sequence[Target], queries: int, *, once: bool
) -> None:
    """Refuses matches of one decoder layer that break the contract.

    Args:
        source: Who made the matches, for messages.
        check: The contract check of its kind, for messages.
        matches: Per image (query_index, target_index).
        targets: Of the images.
        queries: How many there are.
        once: A segment has one query at most, as a matcher's does.

    Raises:
        RegistryError: `problem_of_matches` finds something.

    Example:
        >>> targets = [Target(torch.tensor([7]), torch.zeros(2, 2, dtype=torch.int16))]
        >>> matches = [(torch.tensor([3]), torch.tensor([0]))]
        >>> require_matches("matcher M", "check_matcher", matches, targets, queries=4, once=True)
    """
    problem = problem_of_matches(matches, targets, queries, once=once)
    if problem:
        raise RegistryError(f"{source} gives {problem}. Check it with segkit.testing.{check}.")


def problem_of_matches(matches: Sequence[Match], targets: Sequence[Target], queries: int, *, once: bool) -> str | None:
    """Returns what is wrong with the matches of one decoder layer. They are on the CPU, so nothing waits for a GPU.

    The matches must be pairs, one per image, of (M,) of int64 on the CPU, in range and of equal length. A query stands
    there once, and with `once` a segment too.

    Example:
        >>> targets = [Target(torch.tensor([7]), torch.zeros(2, 2, dtype=torch.int16))]
        >>> problem_of_matches([(torch.tensor([5]), torch.tensor([0]))], targets, queries=4, once=True)
        'for image 0 of the batch query 5, but there are only 4 queries, counted from 0'
    """
    if not isinstance(matches, Sequence):
        return f"matches that are {type(matches).__name__}, not a list of one pair per image"
    if len(matches) != len(targets):
        return f"matches of {counted(matches, 'image')}, of which there are {len(targets)}"
    for image, (pair, target) in enumerate(zip(matches, targets, strict=True)):
        problem = _problem_of_pair(pair, queries, len(target), once)
        if problem:
            return f"for image {image} of the batch {problem}"
    return None


def _problem_of_pair(pair: Match, queries: int, segments: int, once: bool) -> str | None:
    """Returns what is wrong with the matches of one image."""
    if not isinstance(pair, Sequence) or len(pair) != 2:
        return f"{type(pair).__name__}, which is no pair (query_index, target_index)"
    for name, index in zip(("query_index", "target_index"), pair, strict=True):
        if not _is_index(index):
            return f"{name} {_form(index)}, which must be (M,) of int64 on the CPU"
    of_queries, of_segments = pair[0].numpy(), pair[1].numpy()
    if len(of_queries) != len(of_segments):
        return f"{counted(of_queries, 'query')} and {counted(of_segments, 'segment')}, which must be as many"
    for found, limit, word in ((of_queries, queries, "query"), (of_segments, segments, "segment")):
        outside = found[(found < 0) | (found >= limit)]
        if len(outside):
            return f"{word} {outside[0]}, but there are only {counted(limit, word)}, counted from 0"
    if (query := _repeated(of_queries)) is not None:
        return f"query {query} twice, but a query has one segment"
    if once and (segment := _repeated(of_segments)) is not None:
        return f"segment {segment} twice, but a matcher gives a segment one query"
    return None


def _is_index(index: object) -> bool:
    return isinstance(index, Tensor) and index.device.type == "cpu" and index.dtype == torch.int64 and index.dim() == 1


def _form(index: object) -> str:
    if not isinstance(index, Tensor):
        return f"of type {type(index).__name__}"
    return f"{tuple(index.shape)} of {str(index.dtype).removeprefix('torch.')} on {index.device.type}"


def _repeated(index: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> int | None:
    """Returns an index that stands there more than once."""
    values, counts = np.unique(index, return_counts=True)
    return next((int(value) for value in values[counts > 1]), None)
