"""Make the sample documents that are not plain text: `python -m scripts.example_documents`.

Both files are written with nothing but the standard library and come out the same, byte for byte, every time.
"""

import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "documents"

SECURITY = (
    ("Heading1", "IT security"),
    ("", "This guideline holds for every computer and telephone on which company data is read."),
    ("Heading2", "Passwords"),
    (
        "",
        (
            "Passwords are made by the password manager and have at least 16 characters. They are changed "
            "only after an incident. Every account that offers it uses a second factor; text messages do not "
            "count as one."
        ),
    ),
    ("Heading2", "Lost devices"),
    (
        "",
        (
            "Report a lost or stolen device within one hour to the IT desk, telephone extension 300, day and "
            "night. The IT desk locks and erases it from afar. Nobody is blamed for reporting late, but "
            "everybody is expected to report."
        ),
    ),
    ("Heading2", "Suspicious messages"),
    (
        "",
        (
            "Forward suspicious e-mails as attachments to phishing@northlight.example and delete them. The "
            "IT desk answers within two hours on working days."
        ),
    ),
    ("Heading2", "Backups"),
    (
        "",
        (
            "Documents belong on the file server, which is backed up every night at 02:00. Backups are kept "
            "for 90 days. What lies only on a laptop is not backed up."
        ),
    ),
)

SAFETY = (
    (
        ("Laboratory safety", 18),
        ("Northlight Instruments, calibration laboratory. In force since March 2026.", 11),
        ("", 11),
        ("Access", 14),
        ("Only people who have had the safety briefing may enter. It is repeated every", 11),
        ("twelve months. Visitors are accompanied at all times and wear safety glasses.", 11),
        ("", 11),
        ("Wind tunnel", 14),
        ("The wind tunnel runs at up to 75 metres per second. Ear protection is worn above", 11),
        ("20 metres per second. The door stays locked while the fan turns. After pressing the", 11),
        ("emergency stop, wait 90 seconds until the fan stands still.", 11),
    ),
    (
        ("Fire and evacuation", 14),
        ("When the alarm sounds, leave by the nearest exit and meet at the flagpole in the", 11),
        ("yard. The floor warden counts everybody. Lifts are not used. Nobody goes back for", 11),
        ("belongings.", 11),
        ("", 11),
        ("Mercury", 14),
        ("Old barometers contain mercury. A broken one is reported to the laboratory manager,", 11),
        ("the room is left and aired for at least 30 minutes, and only people with the spill", 11),
        ("kit and gloves go in. The kit hangs beside the door of room 0.07.", 11),
        ("", 11),
        ("First aid", 14),
        ("First aiders are Lena Brandt (extension 231) and Oskar Holm (extension 245). The", 11),
        ("defibrillator hangs at reception.", 11),
    ),
)

_EPOCH = (2026, 1, 1, 0, 0, 0)
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/>'
    '<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.styles+xml"/></Types>'
)
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def main() -> None:
    for name, content in (("it-security.docx", docx(SECURITY)), ("laboratory-safety.pdf", pdf(SAFETY))):
        (FOLDER / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")


def docx(paragraphs: Sequence[tuple[str, str]]) -> bytes:
    """A Word file of (style, text) paragraphs."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in _parts(paragraphs).items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _parts(paragraphs: Sequence[tuple[str, str]]) -> dict[str, str]:
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    body = "".join(_paragraph(style, text) for style, text in paragraphs)
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/></w:style>'
        for level in (1, 2)
    )
    return {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": f'{head}<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" '
        f'Type="{_RELATIONS}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'{head}<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" '
        f'Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "word/styles.xml": f'{head}<w:styles xmlns:w="{_WORD}">{styles}</w:styles>',
        "word/document.xml": f'{head}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>',
    }


def _paragraph(style: str, text: str) -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def pdf(pages: Sequence[Sequence[tuple[str, int]]]) -> bytes:
    """A PDF file of pages of (text, size in points) lines."""
    contents = [_page_content(lines) for lines in pages]
    count = len(contents)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, content in enumerate(contents):
        resources = "/MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * number} 0 R >>".encode())
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    return _assembled(objects)


def _page_content(lines: Sequence[tuple[str, int]]) -> bytes:
    commands, y = ["BT"], 780
    for text, size in lines:
        shown = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        commands.append(f"/F1 {size} Tf 1 0 0 1 64 {y} Tm ({shown}) Tj")
        y -= round(size * 1.5)
    return "\n".join([*commands, "ET"]).encode("cp1252")


def _assembled(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


if __name__ == "__main__":
    main()
