"""The capacity report as one HTML file that needs nothing else: its charts are drawn in it."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from ragkeeper.operations.capacity.text import amount, text_report, title

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 200, 80, 14, 24
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "pre{background:#f4f6f8;padding:1rem;overflow:auto}svg{width:100%;height:auto}"
    ".past{fill:none;stroke:#1f6feb;stroke-width:2}.next{fill:none;stroke:#1f6feb;stroke-width:2;"
    "stroke-dasharray:5 4}.band{fill:#1f6feb;opacity:.15}.limit{stroke:#c62828;stroke-width:1.5}"
    ".axis{stroke:#9aa5b1}text{font-size:11px;fill:#52606d}"
)

Points = Sequence[tuple[str, float]]


def page(found: dict[str, Any]) -> str:
    charts = "".join(_section(name, found) for name in found["trends"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Capacity report</title>'
        f"<style>{_STYLE}</style></head><body><h1>Capacity report</h1><pre>{escape(text_report(found))}</pre>"
        f"<p>Lines: what was; dashed: what is expected, and between what it lies in 80 % of all cases; "
        f"red: the limit.</p>{charts}</body></html>\n"
    )


def _section(name: str, found: dict[str, Any]) -> str:
    past = [(day, value) for day, value in found["trends"][name]["history"] if value is not None]
    ahead = found["projections"][name]["forecast"]
    unit = found["trends"][name]["unit"]
    return f"<h2>{escape(title(name))}</h2>{_chart(past, ahead, found['projections'][name]['limit'], unit)}"


def _chart(past: Points, ahead: Sequence[Sequence[Any]], limit: float | None, unit: str) -> str:
    days = sorted({*(day for day, _ in past), *(row[0] for row in ahead)})
    across = {day: _LEFT + (_WIDTH - _LEFT) * place / max(len(days) - 1, 1) for place, day in enumerate(days)}
    values = [value for _, value in past] + [value for row in ahead for value in row[1:]]
    low = float(min(values))
    high = float(max([*values, *([limit] if limit is not None and limit < 2 * max(values) else [])]))
    span = (high - low) or 1.0

    def up(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / span

    parts = [*_axes(days, across, [(value, up(value)) for value in (low, (low + high) / 2, high)], unit)]
    band = [(across[row[0]], up(row[3])) for row in ahead] + [(across[row[0]], up(row[2])) for row in reversed(ahead)]
    parts.append(f'<polygon class="band" points="{_joined(band)}"/>')
    parts.append(_line("past", [(across[day], up(value)) for day, value in past]))
    parts.append(_line("next", [(across[row[0]], up(row[1])) for row in ahead]))
    if limit is not None and low <= limit <= high:
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH}" y1="{up(limit):.1f}" y2="{up(limit):.1f}"/>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'


def _axes(
    days: Sequence[str], across: dict[str, float], heights: Sequence[tuple[float, float]], unit: str
) -> Iterator[str]:
    for value, height in heights:
        yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{height:.1f}" y2="{height:.1f}" stroke-width=".5"/>'
        yield f'<text x="{_LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{escape(amount(value, unit))}</text>'
    for day, anchor in ((days[0], "start"), (days[len(days) // 2], "middle"), (days[-1], "end")):
        yield f'<text x="{across[day]:.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{escape(day)}</text>'


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="{kind}" points="{_joined(points)}"/>'


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
