"""Text that is no YAML: the line to mend and what to do there."""

import pytest

from segkit.config.nodes import COMMAND_LINE, Origin
from segkit.config.source import parse
from segkit.errors import ConfigError

COLON = (
    "a ':' stands where YAML wants none. Look at the indentation, and for a ':' that is missing, or has no space "
    "behind it, just above. Put text that contains ': ' in quotes."
)
INDENTATION = (
    "this line belongs to none of those above. Look at the indentation: the keys of a mapping, and the items of a "
    "list, stand in one column."
)
TAB = "a tab stands where YAML wants spaces. Write spaces."
ANCHOR_NAME = "'*' and '&' begin the name of an anchor. Put text that begins with one of them in quotes."
BEHIND = "something stands behind the end of a value. Take it out, or put all of the value in quotes."
BLOCK_TEXT = "behind '|' and '>' the text begins in the next line. Begin it there, or put it in quotes."
ENDED = "the document ended above, with a line '...' or '%'. A config is one document; take that line out."

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
    "a: 1\nb\nc: 2": "2: a key has no ':' behind it. Write 'key: value', and look at the indentation.",
    ": 1": "1: there is no key before this ':'. Write one.",
    "a: - b": "1: a list's '- ' stands behind a key. Begin the list in the next line, or write it as [a, b].",
    "a: ? b": "1: text cannot begin with '? '. Put it in quotes.",
    "a: @b": "1: text cannot begin with '@'. Put it in quotes.",
    "a: `b`": "1: text cannot begin with '`'. Put it in quotes.",
    "a: %b": "1: text cannot begin with '%'. Put it in quotes.",
    "a: *.png": f"1: {ANCHOR_NAME}",
    "a: & b": f"1: {ANCHOR_NAME}",
    "a: *b": "1: there is no anchor '&b' above. Write '&b' at the value that is meant.",
    "<<: *b": "1: there is no anchor '&b' above. Write '&b' at the value that is meant.",
    "a: &x 1\nb: &x 2": "2: there is another anchor '&x' in line 1. Give this one its own name.",
    "a: !x!y b": "1: the tag '!x!' has no meaning here. Leave it out.",
    "a: 'b\nc: d\n": "1: the quote that begins here has no end. Close it.",
    'a: 1\nb: "c\n---\n': "2: the quote that begins here has no end. Close it.",
    'a: "C:\\data"': "1: '\\d' means nothing in double quotes. Use single quotes.",
    "a: 'b' c": f"1: {BEHIND}",
    "a: [b] [c]": f"1: {BEHIND}",
    "a: 'b', c": f"1: {BEHIND}",
    "a: [b]]": "1: there is no bracket open that this ']' closes. Take it out.",
    "a: ]": "1: there is no value before this ']'. Write one.",
    "a: [1, , 2]": "1: there is no value before this ','. Write one.",
    "a: [1, 2": "1: the '[' in line 1 has no ']', or there is a ',' missing before this.",
    "a: [1, 2\nb: 3": "2: the '[' in line 1 has no ']', or there is a ',' missing before this.",
    "a: {b: 1\nc: 2": "2: the '{' in line 1 has no '}', or there is a ',' missing before this.",
    "a: {b: 'c' 'd'}": "1: the '{' in line 1 has no '}', or there is a ',' missing before this.",
    "a: {b: 1, c: 2": "1: the '{' in line 1 has no '}', or there is a ',' missing before this.",
    "a: {": "1: a bracket is open at the end. Close it.",
    "a: |x\n  b": f"1: {BLOCK_TEXT}",
    "a: >5 b": f"1: {BLOCK_TEXT}",
    "a: 1\n---\nb: 2": "2: a second document starts here. A config is one; take the '---' out.",
    "a: 1\n...\nb: 2": f"3: {ENDED}",
    "%NOTHING\na: 1": f"2: {ENDED}",
    'a: "\\x1"': (
        "1: this is no YAML: expected escape sequence of 2 hexadecimal numbers, but found '\"' while scanning a "
        "double-quoted scalar. Look for a missing bracket, quote, colon or space here or just above."
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_yaml_is_told_with_its_line(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, Origin("x.yaml", 1))
    assert str(caught.value) == f"x.yaml:{WRONG[text]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "the '[' has no ']', or there is a ',' missing before this."),
        ("{a: &x 1, b: &x 2}", "there is another anchor '&x'. Give this one its own name."),
        ("'a", "the quote that begins here has no end. Close it."),
    ],
)
def test_on_the_command_line_there_are_no_lines(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text, COMMAND_LINE)
    assert str(caught.value) == f"<command line>: {message}"
