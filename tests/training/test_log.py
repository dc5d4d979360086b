"""`metrics.jsonl`: what a resumed run keeps of it, and how damage to it is found."""

import json

import pytest

from segkit.training.log import LogRecord, go_on_with_log


@pytest.fixture
def log(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_lines_of_repeated_steps_are_removed(log):
    go_on_with_log(log, 3, 3, None)
    log.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3, 4)))
    go_on_with_log(log, 2, 2, None)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_an_incomplete_line_is_removed(log):
    """What a process writes as its machine goes down."""
    log.write_text('{"step": 1}\n{"step": 2, "losses": {"tot')
    go_on_with_log(log, 5, 5, None)
    assert log.read_text() == '{"step": 1}\n'


@pytest.mark.parametrize(
    "line", [b"\xff\xfe", b"{", b"[" * 5000, b"[1]", b"null", b"{}", b'{"step": "1"}', b'{"step": null}', b""]
)
def test_damaged_lines_are_removed(log, line):
    log.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 2}\n')
    go_on_with_log(log, 5, 5, None)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_an_evaluation_that_is_made_again_is_removed(log):
    """The checkpoint of a step is written before the step's evaluation."""
    log.write_text('{"step": 2, "losses": {}}\n{"step": 2, "evaluation": {}}\n')
    go_on_with_log(log, 2, 0, None)
    assert log.read_text() == '{"step": 2, "losses": {}}\n'


LINES = ['{"step": 1}\n', '{"step": 2}\n', '{"step": 2, "evaluation": {}}\n']


def recorded(log):
    """What the state knows that was saved after step 2 and its evaluation."""
    log.write_text("".join(LINES))
    return LogRecord.of(log, 2, 2)


def test_an_undamaged_log_is_cut_where_the_state_was_saved(log):
    """Lines of the same step that came after the state are written again by the resumed run."""
    record = recorded(log)
    log.write_text("".join(LINES) + '{"step": 2, "hook": 1}\n{"step": 3}\n')
    assert go_on_with_log(log, 2, 2, record) == []
    assert log.read_text() == "".join(LINES)
    assert [path.name for path in log.parent.iterdir()] == ["metrics.jsonl"]


def test_an_evaluation_that_must_be_repeated_is_no_damage(log):
    """Where `best` was lost, the step of the state is evaluated once more."""
    record = recorded(log)
    assert go_on_with_log(log, 2, 1, record) == []
    assert log.read_text() == "".join(LINES[:2])


def test_an_evaluation_that_did_not_count_is_no_damage(log):
    """It failed after its line was written, and the state was saved then. The second time, the line is gone."""
    log.write_text("".join(LINES))
    record = LogRecord.of(log, 2, 1)
    for _ in range(2):
        assert go_on_with_log(log, 2, 1, record) == []
        assert log.read_text() == "".join(LINES[:2])


@pytest.mark.parametrize(
    ("damaged", "kept"),
    [
        ('{"step": 1}\n{"stap": 2}\n' + LINES[2], LINES[0] + LINES[2]),
        ('{"step": 1}\n{"step": 0}\n' + LINES[2], '{"step": 1}\n{"step": 0}\n' + LINES[2]),
        ('{"step": 1}\n{"st', LINES[0]),
    ],
)
def test_damage_is_told_and_loses_nothing(log, damaged, kept):
    record = recorded(log)
    log.write_text(damaged)
    expected = [
        f"{log}: is damaged: it differs from what training_state.pt of step 2 knows of it. It is kept as "
        "metrics.jsonl.step_2.damaged; the training goes on with the lines that can be read"
    ]
    assert go_on_with_log(log, 2, 2, record) == expected
    assert log.read_text() == kept
    assert log.with_name("metrics.jsonl.step_2.damaged").read_text() == damaged
    assert go_on_with_log(log, 2, 2, record) == expected  # killed before the next state
    assert log.with_name("metrics.jsonl.step_2.damaged").read_text() == damaged


@pytest.mark.parametrize("missing", [True, False])
def test_a_lost_log_is_told(log, missing):
    record = recorded(log)
    log.unlink()
    if not missing:
        log.touch()
    assert go_on_with_log(log, 2, 2, record) == [
        f"{log}: is damaged: it differs from what training_state.pt of step 2 knows of it. It is empty or missing, so "
        "the lines up to this step are lost"
    ]


def test_a_run_that_has_logged_nothing_has_no_damage(log):
    assert go_on_with_log(log, 2, 2, LogRecord.of(log, 2, 2)) == []
    assert not log.exists()
