"""Every kind of source gets a connector, with every option that it understands."""

from pathlib import Path
from typing import Any

import pytest

from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.sources import connector
from ragkeeper.ingestion.sources.models import Source, SourceKind
from ragkeeper.ingestion.sources.options import OPTIONS

LOCATIONS = {
    SourceKind.FOLDER: "/srv/handbook",
    SourceKind.WEB: "https://example.org/",
    SourceKind.SITEMAP: "https://example.org/sitemap.xml",
    SourceKind.S3: "papers",
    SourceKind.GIT: "https://example.org/handbook.git",
}
S3 = {"name": "one", "endpoint": "https://example.org", "secret_key": "none"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(RAG_DATA_DIR=tmp_path, RAG_S3_PROFILES=(S3,))


def source(kind: SourceKind, options: dict[str, Any]) -> Source:
    return Source("s", "s", kind, LOCATIONS[kind], options, "c", "default", None, False, "local", utc_now())


@pytest.mark.parametrize("kind", SourceKind)
async def test_a_connector_takes_every_option_of_its_kind(kind: SourceKind, settings: Settings) -> None:
    options = OPTIONS[kind]().model_dump(mode="json")
    assert "most_removed" in options
    await connector(source(kind, options), settings).close()
