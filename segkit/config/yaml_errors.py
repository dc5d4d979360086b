"""Explains PyYAML's error messages: what is wrong and what to do."""

import re

import yaml

from segkit.runtime.yaml_nodes import IN_ITSELF, TOO_DEEP, TOO_LONG, TOO_OFTEN

BRACKETS = {"]": "[", "}": "{"}

EXPLANATIONS = (
    (r"found character '\\t'.*", "YAML does not allow a tab here. Use spaces."),
    (r"found character '(.)'.*", r"a value cannot begin with '\1'. Put it in quotes."),
    (
        r"mapping values are not allowed.*",
        "a ':' is not allowed here. Check the indentation, and whether a ':' above is missing or has no space after "
        "it. Put text that contains ': ' in quotes.",
    ),
    (
        r"sequence entries are not allowed.*",
        "a list cannot begin with '- ' on the line of its key. Begin it on the next line, or write it as [a, b].",
    ),
    (r"mapping keys are not allowed.*", "a value cannot begin with '? '. Put it in quotes."),
    (r"found unknown escape character '(.*)'", r"'\\\1' has no meaning in double quotes. Use single quotes."),
    (
        r"expected alphabetic or numeric character.*",
        "'*' and '&' must be followed by the name of an anchor. Put a value that begins with one of them in quotes.",
    ),
    (
        r"expected (chomping or indentation indicators|a comment or a line break).*",
        "after '|' and '>', the text must begin on the next line. Begin it there, or put it in quotes.",
    ),
    (r"expected <block end>, but found '([\]}])'", r"this '\1' closes no bracket. Remove it."),
    (r"expected <block end>, but found ':'", "there is no key before this ':'. Add one."),
    (
        r"expected <block end>, but found '(<scalar>|,|[\[{])'",
        "something follows the end of a value. Remove it, or put the whole value in quotes.",
    ),
    (
        r"expected <block end>.*",
        "this line matches the indentation of no line above. Indent the keys of a mapping, and the items of a list, "
        "equally.",
    ),
    (
        r"expected the node content, but found '([\]},:])'",
        r"there is no value before this '\1'. Add one.",
    ),
    (r"expected the node content, but found '<(stream|document) end>'", "a bracket is not closed. Close it."),
    (
        r"expected '<document start>'.*",
        "the document ended above, with a line '...' or '%'. Remove that line: a config is one document.",
    ),
    (r"but found another document", "a second document starts here. Remove the '---': a config is one document."),
    (r"found undefined alias '(.*)'", r"there is no anchor '&\1' above. Write '&\1' before the value to repeat."),
    (r"found undefined tag handle '(.*)'", r"the tag '\1' is not supported. Remove it."),
    (TOO_LONG, rf"{TOO_LONG}, which no config needs. Check that it is the right file."),
    (TOO_DEEP, f"{TOO_DEEP}. Make the config flatter."),
    (TOO_OFTEN, f"{TOO_OFTEN}, those within repeated ones included. Repeat fewer."),
    (IN_ITSELF, f"{IN_ITSELF}. Write it out."),
)
"""Patterns of PyYAML's messages, and the explanation of each. The first that matches counts."""


def explain(error: yaml.MarkedYAMLError, first_line: int | None) -> tuple[int, str]:
    """Returns the line to correct, counted from 0, and an explanation.

    Args:
        error: PyYAML's error.
        first_line: The number of the text's first line in messages; None where lines have no numbers.
    """
    what = error.problem or error.context or "it cannot be read"
    context = error.context or ""
    mark = error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    # PyYAML's context is where the construct begins that turned out to be wrong at the problem's mark.
    begun = error.context_mark.line if error.context_mark else line
    there = "" if first_line is None else f" in line {first_line + begun}"
    if context == "while scanning a quoted scalar" and what.startswith("found unexpected"):
        return begun, "the quote that begins here is not closed. Close it."
    if context == "while scanning a simple key":
        return begun, "a key has no ':' after it. Write 'key: value', and check the indentation."
    if match := re.match(r"expected ',' or '([\]}])', but got '(.*)'", what):
        end = match[1]
        message = f"the '{BRACKETS[end]}'{there} has no '{end}', or a ',' is missing before this."
        return (begun if match[2] == "<stream end>" else line), message
    if match := re.match(r"found duplicate anchor '(.*)'", context):
        return line, f"there is another anchor '&{match[1]}'{there}. Rename one of the two."
    for pattern, explanation in EXPLANATIONS:
        if match := re.fullmatch(pattern, what):
            return line, match.expand(explanation)
    context = f" {context}" if error.problem else ""
    message = f"this is not YAML: {what}{context}. Look for a missing bracket, quote, colon or space here or above."
    return line, message
