"""Mailboxes are split into messages."""

from email.message import EmailMessage

from ragkeeper.ingestion.parsers import reader
from ragkeeper.ingestion.parsers.formats import mail
from ragkeeper.ingestion.parsers.port import ParseOptions


def test_mailboxes_are_split_at_their_from_lines():
    box = b"From x Mon\nFrom: a@b\nSubject: one\n\n>From here\nwords\n\nFrom y Tue\nFrom: c@d\nSubject: two\n\nmore\n"
    messages = list(mail._messages(box))
    assert len(messages) == 2
    assert b"\nFrom here" in messages[0]


def message(*attached: tuple[str, bytes, str]) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "Ducks", "a@example.org", "b@example.org"
    made.set_content("See what is attached.")
    for name, content, kind in attached:
        main, sub = kind.split("/")
        made.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return made


def test_attached_documents_are_read_under_their_names_and_pictures_are_left():
    sent = message(
        ("Größen.txt", "Zwölf Enten".encode("cp1252"), "text/plain"),
        ("ponds.csv", b"pond,ducks\nnorth,12\n", "application/octet-stream"),
        ("page.html", b"<h1>Nests</h1><p>Reed and down.</p>", "text/html"),
        ("logo.png", b"\x89PNG", "image/png"),
        ("tool.exe", b"MZ\0\1\2\3", "application/octet-stream"),
    )
    document = reader.read(sent.as_bytes(), "mail.eml", ParseOptions())
    assert [heading.title for heading in document.headings] == [
        "Attachment: Größen.txt",
        "Attachment: ponds.csv",
        "Attachment: page.html",
        "Nests",
    ]
    assert "Zwölf Enten" in document.text
    assert "Reed and down." in document.text
    assert [document.text[start:end] for start, end in document.tables] == [
        "| pond | ducks |\n| --- | --- |\n| north | 12 |"
    ]
    assert all(document.text[h.start : h.end] == h.title for h in document.headings)
    assert [(w.code, w.message.split(":")[0]) for w in document.warnings] == [("attachment_unreadable", "tool.exe")]


def test_forwarded_messages_are_read_to_a_depth():
    inner = message(("deep.txt", b"The deepest duck.", "text/plain"))
    for _ in range(2):
        outer = message()
        outer.add_attachment(inner)
        inner = outer
    assert "The deepest duck." in reader.read(inner.as_bytes(), "mail.eml", ParseOptions()).text
    for _ in range(3):
        outer = message()
        outer.add_attachment(inner)
        inner = outer
    document = reader.read(inner.as_bytes(), "mail.eml", ParseOptions())
    assert "The deepest duck." not in document.text
    assert "See what is attached." in document.text


def test_names_that_lie_about_their_encoding_do_no_harm():
    raw = (
        b"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\n"
        b'Content-Type: text/plain; name="=?nonsense?Q?a=FF?="\nContent-Disposition: attachment\n\n'
        b"words inside\n--b--\n"
    )
    assert "words inside" in reader.read(raw, "mail.eml", ParseOptions()).text
