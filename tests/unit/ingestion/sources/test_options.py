import pytest

from ragkeeper.ingestion.sources.errors import OptionsInvalid
from ragkeeper.ingestion.sources.models import SourceKind
from ragkeeper.ingestion.sources.options import OPTIONS, checked_options


def test_every_kind_has_options() -> None:
    assert OPTIONS.keys() == set(SourceKind)


@pytest.mark.parametrize("kind", SourceKind)
def test_every_kind_knows_the_safety_stop_and_refuses_what_nobody_knows(kind: SourceKind) -> None:
    assert checked_options(kind, {"most_removed": 0.5}) == {"most_removed": 0.5}
    assert checked_options(kind, {}) == {}
    for wrong in ({"most_removed": 1.5}, {"most_removed": "much"}, {"unheard_of": 1}):
        with pytest.raises(OptionsInvalid, match=next(iter(wrong))):
            checked_options(kind, wrong)


def test_a_folders_options() -> None:
    given = {"include": ["*.md"], "exclude": ["drafts/*"], "watch": True}
    assert checked_options(SourceKind.FOLDER, given) == given
    for wrong in ({"include": "*.md"}, {"include": [""]}, {"watch": "perhaps"}):
        with pytest.raises(OptionsInvalid):
            checked_options(SourceKind.FOLDER, wrong)
