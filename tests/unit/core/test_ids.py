import uuid

from ragkeeper.core.ids import new_id


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    assert [one[:12] for one in ids] == sorted(one[:12] for one in ids)
