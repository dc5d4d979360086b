"""PyYAML's complaints about text that is no YAML, in words that say what to do."""

import re

import yaml

BRACKETS = {"]": "[", "}": "{"}

EXPLANATIONS = (
    (r"found character '\\t'.*", "a tab stands where YAML wants spaces. Write spaces."),
    (r"found character '(.)'.*", r"text cannot begin with '\1'. Put it in quotes."),
    (
        r"mapping values are not allowed.*",
        "a ':' stands where YAML wants none. Look at the indentation, and for a ':' that is missing, or has no space "
        "behind it, just above. Put text that contains ': ' in quotes.",
    ),
    (
        r"sequence entries are not allowed.*",
        "a list's '- ' stands behind a key. Begin the list in the next line, or write it as [a, b].",
    ),
    (r"mapping keys are not allowed.*", "text cannot begin with '? '. Put it in quotes."),
    (r"found unknown escape character '(.*)'", r"'\\\1' means nothing in double quotes. Use single quotes."),
    (
        r"expected alphabetic or numeric character.*",
        "'*' and '&' begin the name of an anchor. Put text that begins with one of them in quotes.",
    ),
    (
        r"expected (chomping or indentation indicators|a comment or a line break).*",
        "behind '|' and '>' the text begins in the next line. Begin it there, or put it in quotes.",
    ),
    (r"expected <block end>, but found '([\]}])'", r"there is no bracket open that this '\1' closes. Take it out."),
    (r"expected <block end>, but found ':'", "there is no key before this ':'. Write one."),
    (
        r"expected <block end>, but found '(<scalar>|,|[\[{])'",
        "something stands behind the end of a value. Take it out, or put all of the value in quotes.",
    ),
    (
        r"expected <block end>.*",
        "this line belongs to none of those above. Look at the indentation: the keys of a mapping, and the items of a "
        "list, stand in one column.",
    ),
    (
        r"expected the node content, but found '([\]},:])'",
        r"there is no value before this '\1'. Write one.",
    ),
    (r"expected the node content, but found '<(stream|document) end>'", "a bracket is open at the end. Close it."),
    (
        r"expected '<document start>'.*",
        "the document ended above, with a line '...' or '%'. A config is one document; take that line out.",
    ),
    (r"but found another document", "a second document starts here. A config is one; take the '---' out."),
    (r"found undefined alias '(.*)'", r"there is no anchor '&\1' above. Write '&\1' at the value that is meant."),
    (r"found undefined tag handle '(.*)'", r"the tag '\1' has no meaning here. Leave it out."),
)
"""What PyYAML says, and what to say in its place."""


def explain(error: yaml.MarkedYAMLError, first_line: int | None) -> tuple[int, str]:
    """The line (from 0) that is to be mended, and what to say of it.

    `first_line` is the number that the text's first line is known by; None where lines have no numbers.
    """
    what = error.problem or error.context or "it cannot be read"
    context = error.context or ""
    mark = error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    begun = error.context_mark.line if error.context_mark else line
    there = "" if first_line is None else f" in line {first_line + begun}"
    if context == "while scanning a quoted scalar" and what.startswith("found unexpected"):
        return begun, "the quote that begins here has no end. Close it."
    if context == "while scanning a simple key":
        return begun, "a key has no ':' behind it. Write 'key: value', and look at the indentation."
    if match := re.match(r"expected ',' or '([\]}])', but got '(.*)'", what):
        end = match[1]
        message = f"the '{BRACKETS[end]}'{there} has no '{end}', or there is a ',' missing before this."
        return (begun if match[2] == "<stream end>" else line), message
    if match := re.match(r"found duplicate anchor '(.*)'", context):
        return line, f"there is another anchor '&{match[1]}'{there}. Give this one its own name."
    for pattern, explanation in EXPLANATIONS:
        if match := re.fullmatch(pattern, what):
            return line, match.expand(explanation)
    context = f" {context}" if error.problem else ""
    message = f"this is no YAML: {what}{context}. Look for a missing bracket, quote, colon or space here or just above."
    return line, message
