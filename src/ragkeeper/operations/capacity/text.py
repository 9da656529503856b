"""The capacity report as text, from the object that HTTP gives."""

from collections.abc import Iterator
from typing import Any

_TITLE = "RAG System Capacity Planning Report"


def text_report(found: dict[str, Any]) -> str:
    return "\n".join(_lines(found))


def refusal(found: dict[str, Any]) -> str:
    return (
        f"Too little history for a report: {found['days_known']} whole days are known, {found['days_needed']} are "
        f"needed; {found['days_missing']} are missing. Nothing is guessed: let the server run, and ask again then."
    )


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield _TITLE
    yield f"Generated: {found['generated'][:19].replace('T', ' ')} UTC, from {found['days_known']} days of history"
    yield from ("", "CURRENT STATE:")
    for name, one in found["trends"].items():
        yield f"- {title(name)}: {amount(one['current_average'], one['unit'])} ({_trend(one)})"
    yield from ("", f"{found['days_ahead']}-DAY PROJECTIONS:")
    for name, one in found["projections"].items():
        yield _projection(name, one, found["trends"][name]["unit"])
    for name, days in found["unknown"].items():
        yield f"- {title(name)}: only {days} days are known"
    yield from ("", "FIRST LIMITING RESOURCE:", _limiting(found))
    yield from ("", "SCALING RECOMMENDATIONS:")
    for one in found["recommendations"]:
        yield f"- {one['type']}: {one['action']} ({one['urgency']} priority)"
        yield f"  Reason: {one['reason']}"
    if not found["recommendations"]:
        yield "- No immediate scaling required"


def _trend(one: dict[str, Any]) -> str:
    slopes = (one[name] for name in ("growth_rate_per_day", "low", "high"))
    growth, low, high = (amount(slope, one["unit"], signed=True) for slope in slopes)
    return f"trend: {one['trend']}, {growth} a day, {low} to {high}"


def _projection(name: str, one: dict[str, Any], unit: str) -> str:
    between = f"{amount(one['low'], unit)} to {amount(one['high'], unit)} with 80 %"
    arrow = f"{amount(one['current'], unit)} → {amount(one['projected'], unit)}"
    return f"- {title(name)}: {arrow} ({one['growth_percent']:+.1f}%; {between})"


def _limiting(found: dict[str, Any]) -> str:
    one = found["limiting"]
    if one is None:
        return f"- None within {found['days_ahead']} days"
    current = found["projections"][one["name"]]["current"]
    if current >= one["limit"]:
        return f"- {title(one['name'])} is above {one['limit']:.0f}% already, at {current:.1f}%. {one['advice']}"
    return (
        f"- {title(one['name'])} reaches {one['limit']:.0f}% on {one['reached']} "
        f"(between {one['earliest'] or one['reached']} and {one['latest'] or 'later'}). {one['advice']}"
    )


def title(name: str) -> str:
    """`cpu_usage` as Cpu Usage, and a disk with its path."""
    head, _, part = name.partition(":")
    return head.replace("_", " ").title() + (f" {part}" if part else "")


def amount(value: float, unit: str, *, signed: bool = False) -> str:
    """A figure as people read it: bytes in steps of 1000."""
    sign = "+" if signed else ""
    if unit == "bytes":
        for size in ("B", "kB", "MB", "GB", "TB"):
            if abs(value) < 1000 or size == "TB":  # noqa: PLR2004 - the step between units
                return f"{value:{sign}.1f} {size}"
            value /= 1000
    ending = {"percent": "%", "seconds": " s", "per second": "/s"}.get(unit, "")
    digits = 3 if unit in {"seconds", "per second"} else 1
    return (
        f"{value:{sign}.{digits}f}{ending}" if abs(value) >= 0.1**digits or not value else f"{value:{sign}.2g}{ending}"
    )
