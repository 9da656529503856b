"""The page of the reference that tells which fault is shown by what."""

import re
from collections.abc import Sequence

from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from scripts.tables import table
from tests.faults.signs.cases import Case
from tests.faults.signs.course import Row
from tests.faults.signs.watch import Kind
from tests.machine import ROOT

PAGE = ROOT / "docs" / "reference" / "signs.md"
_MEASURED = "## As it was measured"
_NONE = "none"
_PAGES = {one.title: one.page for one in alerts(Scene())}

STABLE = ("what breaks", "health", "metric", "alert", "finding", "what to type")
MEASURED = ("what breaks", "health", "metric", "alert", "times as fast", "finding")

_HEAD = """\
<!-- Written by `python -m tests.faults.signs --write`; edit the code, not this page. -->

# What shows a fault

Each row is a fault that was brought about in a running server, watched by a real Prometheus and Alertmanager on what
`ragkeeper monitoring export` writes. It says where the fault shows: in the server's own health, in a metric, in an
alert, and in what `ragkeeper doctor` finds. None of these signs was there before the fault began. The last column
leads to the page that the alert links to, with what to type; each finding brings a command of its own.

"""
_NOTES = """
- Health: paths into `GET /health/detailed` (`components`, `capabilities`, `degradation`, `disks`) and `GET /status`
  (`targets`, `documents`), with what stands there. `ragkeeper health` and `ragkeeper status` show the same; strangers
  are told `capabilities` and `degradation` by `GET /health/ready`.
- Metric: a query of Prometheus that has a result while the fault lasts.
- The faults beside the server are those of [Faults](faults.md), with the same short time limits; meanwhile three people
  ask, search and add notes. Disks of 60 and 100 MB were really filled, the clock was set for the
  server and the doctor, and the figures that the kernel tells them of memory were replaced.
- Thresholds are those of [Alerts](alerts.md), but where a queue would have to wait for half an hour.
- Certificates and backups have no row yet: this version makes neither.
"""
_TIMES = """\
Seconds from the begin of the fault until every sign of the row was seen. Alerts were evaluated with shorter waits and
windows (`--time-scale`), so many times as fast; health, metrics and findings as they come. Parts are looked at every
five seconds, and a change is told when it is seen twice. A finding has the time that the doctor took, which shares two
processors with all the rest here, and with other work. Rows may come from several runs; the conditions are those of the
last.
"""


def page(cases: Sequence[Case], rows: Sequence[Row], conditions: str) -> str:
    """rows: of which every sign was seen. Other cases keep what was measured of them; without that they have no row."""
    before = _page().partition(_MEASURED)[2]
    lines = {case.name: _line_of(case.name, before) for case in cases}
    lines |= {row.case.name: figures([row]).splitlines()[-1] for row in rows}
    lasting = table(STABLE, (stable(case) for case in cases if lines[case.name]))
    measured = table(MEASURED, ()) + "".join(f"{line}\n" for line in lines.values() if line)
    return f"{_HEAD}{lasting}{_NOTES}\n{_MEASURED}\n\n{_TIMES}\n{conditions}\n\n{measured}"


def figures(rows: Sequence[Row]) -> str:
    return table(MEASURED, map(_measured, rows))


def stable(case: Case) -> tuple[str, ...]:
    """The cells under `STABLE`; a run is only written when it has shown all of them."""
    signs = case.signs
    finding = f"[`{signs.finding}`](findings.md#{signs.finding})" if signs.finding else _NONE
    to = _PAGES[signs.alert]
    return (
        case.name,
        ", ".join(f"`{sign}`" for sign in signs.health) or f"{_NONE}: {signs.none}",
        f"`{signs.metric}`",
        f"`{signs.alert}`",
        finding,
        f"[{to}](../operate/{to}.md)",
    )


def line(case: Case) -> str:
    """As it stands in the page."""
    return table(STABLE, [stable(case)]).splitlines()[-1]


def told_by_page(name: str) -> str:
    """The page's line about the fault that does not change from run to run; empty where there is none."""
    return _line_of(name, _page().partition(_MEASURED)[0])


def _page() -> str:
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""


def _line_of(name: str, text: str) -> str:
    found = re.search(rf"^\| {re.escape(name)} \|.*$", text, re.MULTILINE)
    return found.group() if found else ""


def _measured(row: Row) -> tuple[str, ...]:
    return (
        row.case.name,
        _seconds(row, Kind.HEALTH),
        _seconds(row, Kind.METRIC),
        _seconds(row, Kind.ALERT),
        f"{1 / row.case.scale:g}",
        _seconds(row, Kind.FINDING),
    )


def _seconds(row: Row, kind: Kind) -> str:
    after = row.after(kind)
    return "" if after is None else f"{after:.1f} s"
