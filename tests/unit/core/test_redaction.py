import pytest

from ragkeeper.core.redaction import HIDDEN, Redactor, without_secrets
from tests.unit.core.planted import HARMLESS, PLANTED


def redacted(*secrets: str, **record: object) -> dict[str, object]:
    return dict(Redactor(secrets)(None, "info", dict(record)))


def test_a_known_secret_is_hidden_wherever_it_stands():
    found = redacted("tr0ub4dor&3", event="x", reason="said tr0ub4dor&3 twice: tr0ub4dor&3", parts=["tr0ub4dor&3"])
    assert found == {"event": "x", "reason": f"said {HIDDEN} twice: {HIDDEN}", "parts": [HIDDEN]}


@pytest.mark.parametrize("name", ["api_key", "token", "metrics_token", "Authorization", "db_password", "secrets"])
def test_a_field_of_a_secret_has_no_value(name: str):
    assert redacted(**{name: "anything"}) == {name: HIDDEN}
    assert redacted(headers={name: "anything"}) == {"headers": {name: HIDDEN}}


@pytest.mark.parametrize("name", ["monkey", "tokens_out", "code", "key_count"])
def test_names_that_only_look_like_it_keep_theirs(name: str):
    assert redacted(**{name: "anything"}) == {name: "anything"}


@pytest.mark.parametrize(("text", "kept"), PLANTED)
def test_what_looks_like_a_secret_is_hidden(text: str, kept: str):
    assert redacted(reason=text) == {"reason": kept.format(HIDDEN)}


@pytest.mark.parametrize(("text", "kept"), PLANTED)
def test_what_is_hidden_stays_as_it_is(text: str, kept: str):
    assert without_secrets(kept.format(HIDDEN))[0] == kept.format(HIDDEN)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str):
    assert redacted(reason=text) == {"reason": text}
    assert without_secrets(text) == (text, 0)


def test_numbers_and_nothing_stay_what_they_are():
    assert redacted(ms=1.5, ok=True, none=None, path="/x") == {"ms": 1.5, "ok": True, "none": None, "path": "/x"}


def test_long_texts_lose_their_middle():
    found = str(redacted(reason="a" * 5000 + "end")["reason"])
    assert len(found) < 2100
    assert found.endswith("end")
