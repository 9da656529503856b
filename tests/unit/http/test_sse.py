import json

from ragkeeper.http.sse import data, event


def test_an_event_is_two_lines_whatever_the_text_holds() -> None:
    sent = event("token", {"text": "a\nb\r\n\n€"}).decode()
    name, body, *rest = sent.split("\n")
    assert (name, rest) == ("event: token", ["", ""])
    assert json.loads(body.removeprefix("data: ")) == {"text": "a\nb\r\n\n€"}


def test_an_event_without_a_name() -> None:
    assert data([1]) == b"data: [1]\n\n"
