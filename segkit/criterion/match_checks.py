"""Refuses matches that break the contract: losses would be computed of other queries or segments without a word."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segkit.errors import RegistryError, counted
from segkit.types import Match, Target


def require_matches(source: str, check: str, matches: Sequence[Match], targets: Sequence[Target], queries: int) -> None:
    """Checks the matches of one decoder layer, which are on the CPU, so that nothing waits for a GPU.

    Args:
        source: Who made the matches, for messages.
        check: The contract check of its kind, for messages.
        matches: Per image (query_index, target_index).
        targets: Of the images.
        queries: How many there are.

    Raises:
        RegistryError: there are matches of another number of images, an index is no (M,) of int64 on the CPU or out of
            range, the two indices have different lengths, or a query stands there twice.

    Example:
        >>> targets = [Target(torch.tensor([7]), torch.zeros(2, 2, dtype=torch.int16))]
        >>> require_matches("matcher M", "check_matcher", [(torch.tensor([3]), torch.tensor([0]))], targets, queries=4)
    """
    advice = f"Check it with segkit.testing.{check}."
    if len(matches) != len(targets):
        raise RegistryError(
            f"{source} gives matches of {counted(matches, 'image')}, of which there are {len(targets)}. {advice}"
        )
    for image, (pair, target) in enumerate(zip(matches, targets, strict=True)):
        problem = _problem(pair, queries, len(target))
        if problem:
            raise RegistryError(f"{source} gives, for image {image} of the batch, {problem}. {advice}")


def _problem(pair: Match, queries: int, segments: int) -> str | None:
    """Returns what is wrong with the matches of one image."""
    for name, index in zip(("query_index", "target_index"), pair, strict=True):
        if (
            not isinstance(index, Tensor)
            or index.device.type != "cpu"
            or index.dtype != torch.int64
            or index.dim() != 1
        ):
            return f"a {name} that is no (M,) of int64 on the CPU"
    of_queries, of_segments = pair[0].numpy(), pair[1].numpy()
    if len(of_queries) != len(of_segments):
        return f"{counted(of_queries, 'query')} and {counted(of_segments, 'segment')}, which must be as many"
    for found, limit, words in ((of_queries, queries, "query"), (of_segments, segments, "segment")):
        outside = found[(found < 0) | (found >= limit)]
        if len(outside):
            return f"{words} {outside[0]}, but there are only {counted(limit, words)}, counted from 0"
    if len(np.unique(of_queries)) < len(of_queries):
        values, counts = np.unique(of_queries, return_counts=True)
        return f"query {values[counts > 1][0]} twice, but a query has one segment"
    return None
