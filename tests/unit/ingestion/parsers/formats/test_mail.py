"""Mailboxes are split into messages."""

from ragkeeper.ingestion.parsers.formats import mail


def test_mailboxes_are_split_at_their_from_lines():
    box = b"From x Mon\nFrom: a@b\nSubject: one\n\n>From here\nwords\n\nFrom y Tue\nFrom: c@d\nSubject: two\n\nmore\n"
    messages = list(mail._messages(box))
    assert len(messages) == 2
    assert b"\nFrom here" in messages[0]
