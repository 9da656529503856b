"""Pictures of text through tesseract."""

from ragkeeper.ingestion.errors import NoText
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean
from ragkeeper.ingestion.parsers.formats import engine
from ragkeeper.ingestion.parsers.port import ParsedDocument, ParseOptions

_INSTALL = "Install tesseract's language data (Debian: `apt-get install tesseract-ocr-eng`) and send it again."
_NOTHING_SEEN = "No words could be recognised in its images; send a sharper scan, or a file that has text in it."


def read(data: bytes, media_type: str, options: ParseOptions) -> ParsedDocument:
    if not options.ocr_languages:
        raise NoText(kind="image", hint=hint(options))
    words = recognise(data, media_type, options.ocr_languages)
    if not words:
        raise NoText(kind="image", hint=hint(options))
    builder = DocumentBuilder(media_type)
    builder.start_page(1)
    builder.add_clean(words)
    builder.warn("ocr_used", "The file is an image; its words were recognised.", 1)
    return builder.build()


def recognise(data: bytes, media_type: str, languages: str) -> str:
    """Return the words in an image; "" where there are none worth keeping."""
    words = clean(engine.extract_image(data, media_type, languages)).strip()
    return words if sum(character.isalnum() for character in words) >= len(words) * 0.4 else ""


def hint(options: ParseOptions) -> str:
    return _NOTHING_SEEN if options.ocr_languages else f"It looks like a scan. {_INSTALL}"
