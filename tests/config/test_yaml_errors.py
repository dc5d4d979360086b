"""Text that is no YAML: the line to mend and what to do there."""

import pytest

from segkit.config.nodes import COMMAND_LINE, Origin
from segkit.config.source import parse
from segkit.errors import ConfigError

COLON = (
    "a ':' is not allowed here. Check the indentation, and whether a ':' above is missing or has no space after it. "
    "Put text that contains ': ' in quotes."
)
INDENTATION = (
    "this line matches the indentation of no line above. Indent the keys of a mapping, and the items of a list, "
    "equally."
)
TAB = "YAML does not allow a tab here. Use spaces."
ANCHOR_NAME = (
    "'*' and '&' must be followed by the name of an anchor. Put a value that begins with one of them in quotes."
)
BEHIND = "something follows the end of a value. Remove it, or put the whole value in quotes."
BLOCK_TEXT = "after '|' and '>', the text must begin on the next line. Begin it there, or put it in quotes."
ENDED = "the document ended above, with a line '...' or '%'. Remove that line: a config is one document."

WRONG = {
    "a:\n\t- b": f"2: {TAB}",
    "a:\n  b: 1\n\tc: 2": f"3: {TAB}",
    "a: 1\t# remark": f"1: {TAB}",
    "a: b: c": f"1: {COLON}",
    "a\n  b: c": f"2: {COLON}",
    "a:\n  b c\n  d: e": f"3: {COLON}",
    "a:\n  b: c\n    d: e": f"3: {COLON}",
    "a:\n    b: c\n  d: e": f"3: {INDENTATION}",
    "a:\n  b: c\n  - d": f"3: {INDENTATION}",
    "a:\n  - b\n  c: d": f"3: {INDENTATION}",
    "a: 1\nb\nc: 2": "2: a key has no ':' after it. Write 'key: value', and check the indentation.",
    ": 1": "1: there is no key before this ':'. Add one.",
    "a: - b": (
        "1: a list cannot begin with '- ' on the line of its key. Begin it on the next line, or write it as [a, b]."
    ),
    "a: ? b": "1: a value cannot begin with '? '. Put it in quotes.",
    "a: @b": "1: a value cannot begin with '@'. Put it in quotes.",
    "a: `b`": "1: a value cannot begin with '`'. Put it in quotes.",
    "a: %b": "1: a value cannot begin with '%'. Put it in quotes.",
    "a: *.png": f"1: {ANCHOR_NAME}",
    "a: & b": f"1: {ANCHOR_NAME}",
    "a: *b": "1: there is no anchor '&b' above. Write '&b' before the value to repeat.",
    "<<: *b": "1: there is no anchor '&b' above. Write '&b' before the value to repeat.",
    "a: &x 1\nb: &x 2": "2: there is another anchor '&x' in line 1. Rename one of the two.",
    "a: !x!y b": "1: the tag '!x!' is not supported. Remove it.",
    "a: 'b\nc: d\n": "1: the quote that begins here is not closed. Close it.",
    'a: 1\nb: "c\n---\n': "2: the quote that begins here is not closed. Close it.",
    'a: "C:\\data"': "1: '\\d' has no meaning in double quotes. Use single quotes.",
    "a: 'b' c": f"1: {BEHIND}",
    "a: [b] [c]": f"1: {BEHIND}",
    "a: 'b', c": f"1: {BEHIND}",
    "a: [b]]": "1: this ']' closes no bracket. Remove it.",
    "a: ]": "1: there is no value before this ']'. Add one.",
    "a: [1, , 2]": "1: there is no value before this ','. Add one.",
    "a: [1, 2": "1: the '[' in line 1 has no ']', or a ',' is missing before this.",
    "a: [1, 2\nb: 3": "2: the '[' in line 1 has no ']', or a ',' is missing before this.",
    "a: {b: 1\nc: 2": "2: the '{' in line 1 has no '}', or a ',' is missing before this.",
    "a: {b: 'c' 'd'}": "1: the '{' in line 1 has no '}', or a ',' is missing before this.",
    "a: {b: 1, c: 2": "1: the '{' in line 1 has no '}', or a ',' is missing before this.",
    "a: {": "1: a bracket is not closed. Close it.",
    "a: |x\n  b": f"1: {BLOCK_TEXT}",
    "a: >5 b": f"1: {BLOCK_TEXT}",
    "a: 1\n---\nb: 2": "2: a second document starts here. Remove the '---': a config is one document.",
    "a: 1\n...\nb: 2": f"3: {ENDED}",
    "%NOTHING\na: 1": f"2: {ENDED}",
    'a: "\\x1"': (
        "1: this is not YAML: expected escape sequence of 2 hexadecimal numbers, but found '\"' while scanning a "
        "double-quoted scalar. Look for a missing bracket, quote, colon or space here or above."
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_yaml_is_reported_with_its_line(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, Origin("x.yaml", 1))
    assert str(caught.value) == f"x.yaml:{WRONG[text]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "the '[' has no ']', or a ',' is missing before this."),
        ("{a: &x 1, b: &x 2}", "there is another anchor '&x'. Rename one of the two."),
        ("'a", "the quote that begins here is not closed. Close it."),
    ],
)
def test_on_the_command_line_there_are_no_lines(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, COMMAND_LINE)
    assert str(caught.value) == f"<command line>: {message}"
