"""What every connector promises, whatever it reads."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from ragkeeper.ingestion.sources.connectors.port import Found, Unreadable
from ragkeeper.ingestion.sources.errors import SourceError
from tests.contract.sources.places import LIMITS, PLACES, Place
from tests.contract.sources.remote_places import REMOTE_PLACES

TEXTS = {"a.md": "The first text.", "below/b.md": "The second text.", "below/c c.md": "Das dritte, mit Umlauten: äöü."}


@pytest.fixture(params=[*PLACES, *REMOTE_PLACES], ids=lambda make: make.__name__)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with request.param(tmp_path) as made:
        for name, text in TEXTS.items():
            made.put(name, text)
        yield made


async def scan(place: Place, known: dict[str, str] | None = None) -> list[Found | Unreadable]:
    connector = place.connector()
    try:
        async with aclosing(connector.scan(known or {})) as items:
            return [item async for item in items]
    finally:
        await connector.close()


async def fingerprints(place: Place, known: dict[str, str] | None = None) -> dict[str, str]:
    return {item.key: item.fingerprint for item in await scan(place, known) if isinstance(item, Found)}


async def texts(place: Place) -> dict[str, str]:
    """By the end of the name, each opened before the next item is asked for, as a synchronisation does it."""
    found: dict[str, str] = {}
    connector = place.connector()
    async with aclosing(connector.scan({})) as items:
        async for item in items:
            assert isinstance(item, Found)
            async with item.content() as blocks:
                found[item.name] = b"".join([block async for block in blocks]).decode()
    await connector.close()
    return found


async def test_every_item_is_found_once_with_its_text(place: Place) -> None:
    found = await texts(place)
    assert len(found) == len(TEXTS)
    for name, text in TEXTS.items():
        [key] = [key for key in found if key.endswith((name, name.replace(" ", "%20")))]
        assert text in found[key]


async def test_an_item_tells_its_format_by_its_file_name(place: Place) -> None:
    assert {item.filename.rpartition(".")[2] for item in await scan(place) if isinstance(item, Found)} == {"md"}


async def test_what_has_not_changed_keeps_its_fingerprint(place: Place) -> None:
    first = await fingerprints(place)
    assert await fingerprints(place, first) == first
    assert all(first.values())


async def test_a_change_is_seen_in_that_item_alone(place: Place) -> None:
    before = await fingerprints(place)
    place.put("a.md", "The first text, changed.")
    after = await fingerprints(place, before)
    changed = [key for key in before if after[key] != before[key]]
    assert len(changed) == 1
    assert changed[0].endswith("a.md")


async def test_what_is_gone_is_not_found_and_what_is_new_is(place: Place) -> None:
    before = await fingerprints(place)
    place.remove("a.md")
    place.put("below/d.md", "The fourth text.")
    after = await fingerprints(place, before)
    assert len(after) == len(before)
    [new] = after.keys() - before.keys()
    [gone] = before.keys() - after.keys()
    assert new.endswith("below/d.md")
    assert gone.endswith("a.md")


async def test_a_place_that_cannot_be_reached_is_an_error_and_not_empty(place: Place) -> None:
    known = await fingerprints(place)
    place.spoil()
    with pytest.raises(SourceError):
        await scan(place, known)


async def test_closing_twice_does_no_harm(place: Place) -> None:
    connector = place.connector()
    await connector.close()
    await connector.close()
    assert len(await scan(place)) == len(TEXTS)


async def test_an_item_above_the_limit_is_there_and_unreadable_or_fails_when_it_is_read(place: Place) -> None:
    if type(place).__name__ == "FakePlace":
        pytest.skip("the fake holds what tests put into it, of any size")
    place.put("large.md", "x" * (LIMITS.largest_bytes + 1))
    [large] = [item for item in await scan(place) if item.key.endswith("large.md")]
    if isinstance(large, Found):
        with pytest.raises(SourceError):
            async with large.content() as blocks:
                assert [block async for block in blocks] == []
    else:
        assert large.code
        assert large.message


async def test_a_place_with_too_many_items_is_an_error_and_not_cut_off(place: Place) -> None:
    if type(place).__name__ == "FakePlace":
        pytest.skip("the fake holds what tests put into it, as many as they like")
    for number in range(LIMITS.most_items + 1):
        place.put(f"many/{number}.md", f"Text {number}.")
    with pytest.raises(SourceError):
        await scan(place)
