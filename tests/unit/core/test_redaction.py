import pytest

from ragkeeper.core.redaction import HIDDEN, Redactor


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


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh12345678",
        "postgresql://rag:abcdefgh12345678@db/rag",
        "GET /?api_key=abcdefgh12345678&x=1",
        '{"password": "abcdefgh12345678"}',
        "key rk_abcdefgh12345678abcdefgh refused",
        "sk-abcdefgh12345678abcdefgh",
        "gsk_abcdefgh12345678abcdefgh",
        "BASIC abcdefgh12345678",
        "Password=abcdefgh12345678",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str):
    found = str(redacted(reason=text)["reason"])
    assert "abcdefgh12345678" not in found
    assert HIDDEN in found


def test_numbers_and_nothing_stay_what_they_are():
    assert redacted(ms=1.5, ok=True, none=None, path="/x") == {"ms": 1.5, "ok": True, "none": None, "path": "/x"}


def test_long_texts_lose_their_middle():
    found = str(redacted(reason="a" * 5000 + "end")["reason"])
    assert len(found) < 2100
    assert found.endswith("end")
