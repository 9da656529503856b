import pytest

from ragkeeper.operations.upgrade.models import SchemaState


@pytest.mark.parametrize(("revision", "is_current"), [(None, False), ("0001", False), ("0002", True)])
def test_only_the_newest_revision_is_current(revision, is_current):
    assert SchemaState(revision, "0002", "x").is_current is is_current
