"""A parser for tests: reads UTF-8 text in this process, one page, Markdown headings."""

import asyncio
from pathlib import Path

from ragkeeper.ingestion.errors import FileDamaged, FileEmpty, FileMissing, NoText
from ragkeeper.ingestion.parsers.formats import markup
from ragkeeper.ingestion.parsers.port import ParsedDocument


class FakeParser:
    @property
    def busy(self) -> int:
        return 0

    async def parse(self, path: Path, filename: str) -> ParsedDocument:
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise FileMissing(reason=error.strerror) from error
        if not data:
            raise FileEmpty
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise FileDamaged(kind=filename, reason="not UTF-8") from error
        if not text.strip():
            raise NoText(kind=filename, hint="Write something into it.")
        return markup.read(text, "text/markdown")

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return
