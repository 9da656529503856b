import pytest

from ragkeeper.operations.doctor.redaction import REMOVED, Scrubber


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://user:pa55word@host/db", f"postgresql://user:{REMOVED}@host/db"),
        ("https://h/a?page=2&api_key=abcdef&b=1", f"https://h/a?page=2&api_key={REMOVED}&b=1"),
        ("https://h/a?X-Amz-Signature=0123abcd", f"https://h/a?X-Amz-Signature={REMOVED}"),
        ("sent Bearer abc.def-ghi_123", f"sent Bearer {REMOVED}"),
        ("key rk_0123456789abcdefghij here", f"key {REMOVED} here"),
        ("sk-proj-0123456789abcdef", REMOVED),
        ("AKIA0123456789ABCDEF", REMOVED),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiJhZG1p.c2lnbmF0dXJl", REMOVED),
        ("password=hunter2hunter2", f"password={REMOVED}"),
        ("mail anna.b@example.org now", f"mail {REMOVED} now"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", REMOVED),
    ],
)
def test_secrets_are_known_by_their_look(text: str, kept: str) -> None:
    scrubber = Scrubber([])
    assert scrubber.text(text) == kept
    assert scrubber.count >= 1


@pytest.mark.parametrize(
    "text",
    [
        "3 keys",
        "http://127.0.0.1:8000/health",
        "tokens: 3000",
        "the key is missing",
        "a/b.py:12 in work",
        "pk_collection_access",
    ],
)
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
