from ragkeeper.operations.caches.schemas import kinds_of
from ragkeeper.storage.cache.port import CacheKind


def test_what_each_word_clears():
    assert kinds_of("all") == list(CacheKind)
    assert kinds_of("responses") == [CacheKind.ANSWER, CacheKind.SEMANTIC]
    assert [kinds_of(kind.value) for kind in CacheKind] == [[kind] for kind in CacheKind]
