"""A diagnosis of performance as one HTML file that needs nothing else: its charts are drawn in it."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ragkeeper.operations.diagnose.models import Host, Performance, Remembered
from ragkeeper.operations.diagnose.rules import MOST_CPU, MOST_DISK, MOST_MEMORY, MOST_SWAP
from ragkeeper.operations.diagnose.text import performance_text

_WIDTH, _LEFT, _RIGHT, _ROW, _BAR = 720, 200, 90, 26, 16
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "pre{background:#f4f6f8;padding:1rem;overflow:auto}svg{width:100%;height:auto}"
    ".bar{fill:#1f6feb}.limit{stroke:#c62828;stroke-width:1.5}text{font-size:12px;fill:#52606d}"
)


class Bar(NamedTuple):
    """value, limit: in the unit of its chart; shown: the value as people read it."""

    name: str
    value: float
    shown: str
    limit: float | None = None


def page(found: Performance) -> str:
    charts = _section("System", _of_host(found.host), 100.0)
    if found.remembered is not None and found.remembered.stages:
        stages = _of_stages(found.remembered)
        charts += _section("Stages in the last hour, 95 % within", stages, max(one.value for one in stages))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Performance diagnostics</title>'
        f"<style>{_STYLE}</style></head><body><h1>Performance diagnostics</h1>"
        f"<pre>{escape(performance_text(found))}</pre><p>Red: the limit.</p>{charts}</body></html>\n"
    )


def _of_host(host: Host) -> list[Bar]:
    shares = [
        ("Processors", host.cpu.percent, MOST_CPU),
        ("Memory", host.memory.percent, MOST_MEMORY),
        ("Swap", host.memory.swap_percent, MOST_SWAP),
        *((one.path, one.percent, MOST_DISK) for one in host.disk.file_systems),
    ]
    return [Bar(name, percent, f"{percent:.1f}%", limit) for name, percent, limit in shares]


def _of_stages(remembered: Remembered) -> list[Bar]:
    slowest = sorted(remembered.stages, key=lambda one: -one.p95)
    return [Bar(one.name, one.p95, f"{one.p95:.3f} s") for one in slowest]


def _section(title: str, bars: Sequence[Bar], most: float) -> str:
    rows = "".join(_row(bar, place * _ROW, most) for place, bar in enumerate(bars))
    height = len(bars) * _ROW
    return f'<h2>{escape(title)}</h2><svg viewBox="0 0 {_WIDTH} {height}" role="img">{rows}</svg>'


def _row(bar: Bar, top: float, most: float) -> str:
    def along(value: float) -> float:
        return (_WIDTH - _LEFT - _RIGHT) * min(value / most, 1.0) if most else 0.0

    middle = top + _BAR - 3
    limit = "" if bar.limit is None else _line(_LEFT + along(bar.limit), top)
    return (
        f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>'
        f'<rect class="bar" x="{_LEFT}" y="{top}" width="{along(bar.value):.1f}" height="{_BAR}"/>'
        f'<text x="{_LEFT + along(bar.value) + 6:.1f}" y="{middle}">{bar.shown}</text>{limit}'
    )


def _line(across: float, top: float) -> str:
    return f'<line class="limit" x1="{across:.1f}" x2="{across:.1f}" y1="{top}" y2="{top + _BAR}"/>'
