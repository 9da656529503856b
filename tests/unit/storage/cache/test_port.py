from ragkeeper.storage.cache.port import CacheKind, CacheTally


def test_hits_and_misses_are_counted_by_kind_and_told():
    told = []
    tally = CacheTally(lambda kind, hit: told.append((kind, hit)))
    tally.count(CacheKind.SEARCH, hit=True)
    tally.count(CacheKind.SEARCH, hit=False)
    tally.count(CacheKind.ANSWER, hit=False)
    assert (tally.hits(CacheKind.SEARCH), tally.misses(CacheKind.SEARCH)) == (1, 1)
    assert (tally.hits(CacheKind.ANSWER), tally.misses(CacheKind.ANSWER)) == (0, 1)
    assert told == [(CacheKind.SEARCH, True), (CacheKind.SEARCH, False), (CacheKind.ANSWER, False)]
