"""The page of everything that the doctor may find, from the checks themselves."""

import importlib
import pkgutil
from collections.abc import Iterator

import ragkeeper
from ragkeeper.core.checks import Kind, Severity
from scripts.tables import table

_ALSO = ("ragkeeper.operations.doctor.service",)
_ORDER = (Severity.FAILURE, Severity.WARNING, Severity.NOTE)


def findings_page() -> str:
    kinds = sorted(findings(), key=lambda kind: (_ORDER.index(kind.severity), kind.code))
    rows = ((f"[`{kind.code}`](#{kind.code})", kind.severity.value, kind.message) for kind in kinds)
    return (
        "# Findings\n\n"
        "`ragkeeper doctor` looks at everything, with the server up or down, and changes nothing. What it finds has a "
        "code that does not change. A failure does harm already, a warning soon will, a note is worth knowing. Exit "
        "status: 0 without failures and warnings, 1 with one, 2 for settings that cannot be used. `{…}` stands for a "
        "value of the case at hand.\n\n"
        "Every start looks at what can be looked at in a moment and logs it as `finding`; `ragkeeper db upgrade` looks "
        "at disks, the data folder and the database, and refuses to begin on a failure.\n\n"
        + table(("code", "severity", "what is found"), rows)
        + "".join(_section(kind) for kind in kinds)
    )


def findings() -> list[Kind]:
    """Every kind that a check of the product declares, once each."""
    found = {kind.code: kind for name in _modules() for kind in vars(importlib.import_module(name)).values()
             if isinstance(kind, Kind)}  # fmt: skip
    return list(found.values())


def _modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(ragkeeper.__path__, "ragkeeper."):
        if module.name.endswith(".checks") and module.name != "ragkeeper.core.checks":
            yield module.name
    yield from _ALSO


def _section(kind: Kind) -> str:
    return (
        f"\n## {kind.code}\n\n{kind.severity.value.capitalize()}: {kind.message}.\n\n"
        f"- What it means: {kind.consequence}\n- What to do: `{kind.fix}`\n"
    )
