"""What `segkit check --data` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segkit.cli._table import aligned
from segkit.errors import counted

if TYPE_CHECKING:
    from segkit.data.survey_findings import Finding
    from segkit.inspection.data_check import DataCheck

_FINDINGS = 10
"""Findings that are printed of each level and dataset. The page has all."""

_FILES = 10
"""Files that are printed of each finding."""


def report_lines(check: DataCheck) -> list[str]:
    """Returns a line for each dataset, the table of classes that occur and the findings, the worst first."""
    columns, rows = check.class_rows()
    present = [row for row in rows if any(isinstance(cell, int) and cell for cell in row)]
    table = [[_shown(cell) for cell in row] for row in present]
    absent = len(rows) - len(present)
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in check.findings:
        kinds.setdefault((finding.level, finding.split), []).append(finding)
    found = [line for some in kinds.values() for line in _first_lines(some)]
    return [
        *check.summary(),
        *(aligned([columns, *table]) if table else []),
        *([f"and {counted(absent, 'class')} without segments"] if absent else []),
        *found,
    ]


def _first_lines(findings: list[Finding]) -> list[str]:
    """Returns the lines of the first findings of one level and dataset, and how many follow."""
    lines = [line for finding in findings[:_FINDINGS] for line in finding_lines(finding)]
    more = len(findings) - _FINDINGS
    head = f"{findings[0].level}: {findings[0].split}: "
    return [*lines, *([f"{head}and {more} more"] if more > 0 else [])]


def finding_lines(finding: Finding) -> list[str]:
    """Returns what is printed about a finding: one line, or one more for each of several files.

    Example:
        >>> from segkit.data.survey_findings import Finding, Place
        >>> places = tuple(Place("data.val", index, f"{index}.png", "segments: 9") for index in range(12))
        >>> for line in finding_lines(Finding("warning", "data.val", "too many.", places))[::5]:
        ...     print(line)
        warning: data.val: 12 images: too many.
            4.png (segments: 9)
            9.png (segments: 9)
    """
    places = [f"{one.file} ({one.detail})" if one.detail else one.file for one in finding.places]
    head = f"{finding.level}: {finding.split}: "
    if len(places) <= 1:
        return [head + ": ".join([*filter(None, places), finding.text])]
    more = [f"    and {len(places) - _FILES} more"] if len(places) > _FILES else []
    return [
        f"{head}{counted(places, 'image')}: {finding.text}",
        *(f"    {place}" for place in places[:_FILES]),
        *more,
    ]


def _shown(cell: str | float) -> str:
    if isinstance(cell, float):
        return f"{100 * cell:.3g} %"
    return str(cell)
