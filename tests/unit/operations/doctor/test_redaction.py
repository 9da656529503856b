from shlex import quote

import pytest

from ragkeeper.operations.doctor.redaction import REMOVED, Scrubber
from tests.unit.core.planted import HARMLESS, PLANTED


@pytest.mark.parametrize(("text", "kept"), [*PLANTED, ("mail anna.b@example.org now", "mail {} now")])
def test_secrets_are_known_by_their_look(text: str, kept: str) -> None:
    scrubber = Scrubber([])
    assert scrubber.text(text) == kept.format(REMOVED)
    assert scrubber.count >= 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    scrubber = Scrubber([])
    assert (scrubber.text(text), scrubber.count) == (text, 0)


def test_known_secrets_and_names_go_wherever_they_stand() -> None:
    scrubber = Scrubber(["s3cret!", "abc"], ["Takeover Plan", "a"])
    value = {"Takeover Plan": ["x s3cret! y", 3, None, True], "abc": "a"}
    assert scrubber.value(value) == {REMOVED: [f"x {REMOVED} y", 3, None, True], "abc": "a"}
    assert scrubber.count == 2


def test_of_a_record_only_harmless_fields_stay() -> None:
    record = {
        "event": "request_failed",
        "level": "error",
        "ms": 3.5,
        "route": "/api/v1/documents/{document_id}",
        "path": "/api/v1/documents/your-divorce",
        "detail": "about your divorce",
        "code": 'what "is" this?',
        "exception": 'Traceback\n  File "/a.py", line 3, in work\n    secret()\nValueError: your divorce',
    }
    assert Scrubber([]).record(record) == {
        "event": "request_failed",
        "level": "error",
        "ms": 3.5,
        "route": "/api/v1/documents/{document_id}",
        "path": "[removed, 30 characters]",
        "detail": "[removed, 18 characters]",
        "code": "[removed, 15 characters]",
        "exception": ['File "/a.py", line 3, in work', "ValueError"],
    }


def test_what_the_program_made_keeps_its_shape_but_no_secret() -> None:
    request, key = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "abcdefabcdefabcdefabcdefabcdefab"
    made = {"timestamp": "2026-11-22T19:49:26.232226Z", "level": "info", "request_id": request}
    scrubber = Scrubber([key], ["2026", "info", "1e2d", "Minutes"])
    assert (scrubber.record(made), scrubber.count) == (made, 0)
    given = {"timestamp": "Minutes", "level": "info info", "request_id": "Minutes.of.May", "trace_id": key}
    assert scrubber.record(given) == {
        "timestamp": REMOVED,
        "level": f"{REMOVED} {REMOVED}",
        "request_id": f"{REMOVED}.of.May",
        "trace_id": REMOVED,
    }


def test_a_name_in_what_is_to_be_typed_is_found() -> None:
    name = "O'Brien's will"
    assert Scrubber([], [name]).text(f"ragkeeper sources show {quote(name)}") == f"ragkeeper sources show '{REMOVED}'"


def test_a_value_that_comes_again_is_counted_again() -> None:
    scrubber = Scrubber([], ["Minutes"])
    assert [scrubber.record({"event": "Minutes"}) for _ in range(3)] == [{"event": REMOVED}] * 3
    assert scrubber.count == 3
