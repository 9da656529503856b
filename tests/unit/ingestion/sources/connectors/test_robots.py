from collections.abc import Sequence

import pytest
from protego import Protego

from ragkeeper.ingestion.sources.connectors.robots import Allowed


def allowed(*lines: str) -> Allowed:
    return Allowed(Protego.parse("\n".join(lines)))


def test_without_rules_everything_is_allowed() -> None:
    assert Allowed(None).may_fetch("https://example.org/a")
    assert Allowed(None).delay(0.5) == 0.5


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        (["User-agent: *", "Disallow: /a"], "/a/b", False),
        (["User-agent: *", "Disallow: /a", "Allow: /a/b"], "/a/b", True),
        (["User-agent: *", "Disallow: /*.pdf$"], "/x.pdf", False),
        (["User-agent: *", "Disallow: /*.pdf$"], "/x.pdf?y", True),
        (["User-agent: other", "Disallow: /"], "/a", True),
        (["User-agent: *", "Disallow: /", "", "User-agent: RagKeeper", "Disallow:"], "/a", True),
        (["not robots at all <html>"], "/a", True),
    ],
)
def test_rules_are_read_as_crawlers_read_them(lines: Sequence[str], path: str, expected: bool) -> None:
    assert allowed(*lines).may_fetch(f"https://example.org{path}") is expected


@pytest.mark.parametrize(("asked", "delay"), [("0.1", 0.5), ("2", 2.0), ("86400", 30.0), ("soon", 0.5), ("-1", 0.5)])
def test_a_wanted_delay_counts_within_bounds(asked: str, delay: float) -> None:
    assert allowed("User-agent: *", f"Crawl-delay: {asked}").delay(0.5) == delay
