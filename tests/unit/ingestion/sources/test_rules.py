import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.sources import rules
from ragkeeper.ingestion.sources.connectors.port import Found, Unreadable
from ragkeeper.ingestion.sources.errors import SourceShrank
from ragkeeper.ingestion.sources.models import Change, Item


def found(fingerprint: str = "1") -> Found:
    return Found("a", fingerprint, "a", "a", content=lambda: (_ for _ in ()).throw(AssertionError))


def items(count: int) -> dict[str, Item]:
    return {str(number): Item(str(number), "1", f"d{number}") for number in range(count)}


@pytest.mark.parametrize(
    ("known", "seen", "change"),
    [
        (None, found(), Change.ADD),
        (Item("a", "1", "d"), found("1"), Change.UNCHANGED),
        (Item("a", "1", "d"), found("2"), Change.UPDATE),
        (Item("a", "", None, "file_empty", "It is empty."), found(), Change.ADD),
        (Item("a", "1", "d", "file_empty", "It is empty."), found("1"), Change.UNCHANGED),
        (Item("a", "1", "d"), Unreadable("a", "x", "y"), Change.FAIL),
        (None, Unreadable("a", "x", "y"), Change.FAIL),
    ],
)
def test_what_a_look_means(known: Item | None, seen: Found | Unreadable, change: Change) -> None:
    assert rules.change_of(known, seen) is change


def test_an_item_that_was_never_taken_in_is_new_to_its_connector() -> None:
    known = {"a": Item("a", "1", "d"), "b": Item("b", "", None, "x", "y")}
    assert rules.known_fingerprints(known) == {"a": "1"}


@pytest.mark.parametrize(
    ("had", "left", "share", "stops"),
    [
        (10, 7, 0.3, False),
        (10, 6, 0.3, True),
        (9, 1, 0.3, True),
        (9, 6, 0.3, True),
        (9, 7, 0.3, False),
        (9, 0, 0.3, True),
        (5, 2, 0.3, True),
        (5, 2, 0.6, False),
        (3, 1, 0.3, False),
        (2, 1, 0.0, True),
        (1, 0, 0.3, True),
        (1, 0, 1.0, True),
        (10, 9, 0.0, True),
        (10, 1, 1.0, False),
        (10, 0, 1.0, True),
        (10, 10, 0.0, False),
        (0, 0, 0.3, False),
    ],
)
def test_a_sudden_loss_is_not_believed(had: int, left: int, share: float, stops: bool) -> None:
    seen = [str(number) for number in range(left)]
    if stops:
        with pytest.raises(SourceShrank, match=f"{had - left} of the {had}"):
            rules.require_plausible("s", items(had), seen, most_removed=share, allowed=False)
    rules.require_plausible("s", items(had), seen, most_removed=share, allowed=stops)
    assert len(rules.gone(items(had), seen)) == had - left


def test_items_that_never_had_a_document_count_for_nothing() -> None:
    known = {**items(1), **{f"bad{n}": Item(f"bad{n}", "", None, "x", "y") for n in range(20)}}
    rules.require_plausible("s", known, ["0"], most_removed=0.0, allowed=False)
    assert len(rules.gone(known, ["0"])) == 20


def test_a_source_that_lost_all_of_its_five_documents_stops_whatever_else_is_there() -> None:
    with pytest.raises(SourceShrank, match="5 of the 5"):
        rules.require_plausible("s", items(5), ["elsewhere"], most_removed=0.3, allowed=False)


@given(
    known=st.sets(st.integers(0, 60)), seen=st.sets(st.integers(0, 60)), share=st.floats(0, 1), allowed=st.booleans()
)
def test_no_more_than_the_share_goes_unless_it_is_allowed(
    known: set[int], seen: set[int], share: float, allowed: bool
) -> None:
    had = {str(key): Item(str(key), "1", "d") for key in known}
    now = {str(key) for key in seen}
    lost = set(rules.gone(had, now))
    assert lost == {str(key) for key in known - seen}
    try:
        rules.require_plausible("s", had, now, most_removed=share, allowed=allowed)
    except SourceShrank:
        assert not allowed
        assert lost
    else:
        assert allowed or len(lost) <= max(2 * (len(had) < 10 and share > 0), share * len(had))
        assert allowed or now or not had


@given(st.text(st.characters(), max_size=50).flatmap(lambda text: st.sampled_from([text, text * 60, text + "\0"])))
def test_a_key_can_always_be_stored(key: str) -> None:
    stored = rules.stored_key(key)
    assert len(stored) <= 2000
    assert "\0" not in stored
    stored.encode()
    assert rules.stored_key(stored) == stored


def test_long_keys_that_begin_alike_are_told_apart() -> None:
    assert rules.stored_key("x" * 3000 + "a") != rules.stored_key("x" * 3000 + "b")


@pytest.mark.parametrize(("title", "stored"), [(None, None), ("", None), ("\0", None), ("A\ud800b", "A b")])
def test_a_title_can_always_be_stored(title: str | None, stored: str | None) -> None:
    assert rules.stored_title(title) == stored
    assert rules.stored_title("x" * 2000) == "x" * 1000


def test_a_failure_keeps_what_was_taken_in() -> None:
    error = Unreadable("a", "source_item_unavailable", "It cannot be read.")
    assert rules.failed(Item("a", "1", "d"), "a", error) == Item("a", "1", "d", error.code, error.message)
    assert rules.failed(None, "a", error) == Item("a", "", None, error.code, error.message)
