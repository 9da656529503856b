"""Every kind of source gets a connector, with every option that it understands."""

from pathlib import Path
from typing import Any

import pytest

from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.sources import connector, git_profile_for
from ragkeeper.ingestion.sources.errors import OptionsInvalid
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


def git_settings(tmp_path: Path) -> Settings:
    profiles = [{"name": name, "host": f"{name}.example.org", "token": "none"} for name in ("work", "home")]
    return Settings(RAG_DATA_DIR=tmp_path, RAG_GIT_PROFILES=tuple(profiles))


@pytest.mark.parametrize(
    ("location", "name", "chosen"),
    [
        ("https://home.example.org/a.git", "", "home"),
        ("https://HOME.example.org/a.git", "home", "home"),
        ("https://other.example.org/a.git", "", None),
        ("/srv/a.git", "", None),
    ],
)
def test_a_token_is_chosen_by_the_repositorys_host(
    location: str, name: str, chosen: str | None, tmp_path: Path
) -> None:
    found = git_profile_for(git_settings(tmp_path), name, location)
    assert (found.name if found else None) == chosen


@pytest.mark.parametrize("location", ["https://home.example.org/a.git", "https://work.example.org.evil.test/a.git"])
def test_a_token_for_another_host_is_refused(location: str, tmp_path: Path) -> None:
    with pytest.raises(OptionsInvalid, match="no profile work for"):
        git_profile_for(git_settings(tmp_path), "work", location)
