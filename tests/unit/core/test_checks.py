import shlex

from ragkeeper.core.checks import Kind, Severity

KIND = Kind("a_kind", Severity.NOTE, "It is {path}", "Of {path}.", "chmod 700 {path} && mv {typed} {count}")


def test_paths_are_typed_as_a_shell_takes_them() -> None:
    found = KIND.found({"path": "/my data/it's", "count": 3}, typed=shlex.quote("/a b"))
    assert found.message == "It is /my data/it's"
    assert shlex.split(found.fix) == ["chmod", "700", "/my data/it's", "&&", "mv", "/a b", "3"]
