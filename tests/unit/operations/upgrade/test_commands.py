from dataclasses import dataclass

import pytest

from ragkeeper.core.checks import Finding, Severity
from ragkeeper.operations.upgrade.commands import database_commands
from ragkeeper.operations.upgrade.errors import RevisionUnknown
from ragkeeper.operations.upgrade.models import SchemaState
from tests.unit.cli.server import runner


@dataclass
class FakeSchema:
    revision: str | None = None
    head: str = "0002"
    findings: tuple[Finding, ...] = ()

    def preflight(self):
        return list(self.findings)

    def current(self):
        return SchemaState(self.revision, self.head, "sqlite:///x")

    def upgrade(self, revision):
        if revision not in {"head", "0001", "0002"}:
            raise RevisionUnknown(revision=revision)
        self.revision = self.head if revision == "head" else revision
        return self.current()


@pytest.fixture
def schema():
    return FakeSchema()


@pytest.fixture
def run(schema, capsys):
    return runner(database_commands(schema), capsys)


@pytest.mark.parametrize(
    ("revision", "shown", "code"), [(None, "empty", 1), ("0001", "0001", 1), ("0002", "0002 (head)", 0)]
)
def test_current_marks_the_newest(schema, run, revision, shown, code):
    schema.revision = revision
    done = run("current")
    assert (done.code, done.out) == (0, f"{shown}\n")
    assert run("current", "--check").code == code
    assert run("current", "--json").json["revision"] == revision


def test_upgrade_goes_to_the_newest_and_then_has_nothing_to_do(run):
    assert run("upgrade").out == "Upgraded from empty to 0002 (head)\n"
    again = run("upgrade")
    assert (again.code, again.out) == (0, "Nothing to do: 0002 (head)\n")


def test_a_dry_run_changes_nothing(schema, run):
    done = run("upgrade", "--dry-run")
    assert done.code == 0
    assert "Now at empty" in done.out
    assert schema.revision is None


def test_an_unknown_revision_is_misuse(run):
    done = run("upgrade", "99.99")
    assert done.code == 2
    assert "[revision_unknown]" in done.err


def test_json_says_from_where_to_where(run):
    done = run("upgrade", "0001", "--json").json
    assert (done["before"], done["revision"], done["is_current"]) == (None, "0001", False)


def test_what_would_fail_is_refused_and_what_may_is_told(schema, run):
    schema.findings = (Finding("log_large", Severity.WARNING, "It is large", "", "restart"),)
    done = run("upgrade")
    assert (done.code, schema.revision) == (0, "0002")
    assert "warning: It is large [log_large]" in done.err
    schema.revision = "0001"
    schema.findings += (Finding("disk_full", Severity.FAILURE, "It is full", "", "free some"),)
    done = run("upgrade")
    assert (done.code, schema.revision) == (3, "0001")
    assert "disk_full" in done.err
    assert "[upgrade_refused]" in done.err
    assert run("upgrade", "--dry-run").code == 0
    schema.revision = "0002"
    assert run("upgrade").code == 0
