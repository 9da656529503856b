"""What `/status` and `/health/detailed` say, as a person reads it on a terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ragkeeper.cli.output import print_fields, print_table, print_text, size

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DISK = ("disk", "used", "free", "inodes free", "verdict", "path")
_MARKS = {True: "ok", False: "ABOVE", None: "no figure yet"}


def show_health(found: Mapping[str, Any]) -> None:
    print_text(f"{found['status']} (version {found['version']})")
    print_table(("part", "state", "since", "reason"), _states(found["components"]))
    if found.get("capabilities"):
        print_table(("capability", "state", "since", "reason"), _states(found["capabilities"]))
    if found.get("degradation"):
        print_text(f"degradation: {found['degradation']['step']}")
        _show_degradation(found["degradation"])
    if found.get("providers"):
        _show_providers(found["providers"])
    if found.get("machine"):
        print_text(_machine(found["machine"]))
    if found.get("disks"):
        print_table(_DISK, _disk_rows(found["disks"]))
    if found.get("errors") is not None:
        _show_errors(found["errors"])


def show_status(found: Mapping[str, Any]) -> None:
    """Sections as they come; those that this command knows, in words."""
    print_fields(_summary(found))
    degradation = found.get("degradation") or {}
    if degradation.get("causes") or degradation.get("forced"):
        print_text("\nDegradation")
        _show_degradation(degradation)
    if failing := {name: error for name, error in (found.get("loops") or {}).items() if error}:
        print_text("\nBackground loops that fail")
        print_table(("loop", "last error"), failing.items())
    if found.get("targets"):
        print_text("\nKey figures")
        print_table(("figure", "now", "target", "verdict"), [_target(*item) for item in found["targets"].items()])
    if found.get("providers"):
        print_text("\nProviders")
        _show_providers(found["providers"])
    if found.get("processes"):
        print_text("\nProcesses")
        print_table(("role", "processor time", "memory"), _processes(found["processes"]))
    if found.get("disks"):
        print_text("\nDisks")
        print_table(_DISK, _disk_rows(found["disks"]))
    if found.get("errors") is not None:
        print_text()
        _show_errors(found["errors"])
    for section, code in found.get("unknown", {}).items():
        print_text(f"not known now: {section} [{code}]")


def _show_degradation(now: Mapping[str, Any]) -> None:
    """What was forced by whom and what is missing since when; nothing where neither is so."""
    if forced := now.get("forced"):
        why = f" ({forced['reason']})" if forced["reason"] else ""
        period = f"since {moment(forced['since'])}, until {moment(forced['until'])}"
        print_text(f"forced by {forced['by']}: {forced['step']}, {period}{why}")
    rows = [(one["name"], one["step"], moment(one["since"]), one["reason"]) for one in now.get("causes") or ()]
    if rows:
        print_table(("missing", "step", "since", "reason"), rows)


def _show_errors(errors: Mapping[str, Any]) -> None:
    print_text(f"errors logged in the last {errors['hours']} hours: {errors['total']}")
    rows = [(code, one["count"], moment(one["first"]), moment(one["last"])) for code, one in errors["by_code"].items()]
    if rows:
        print_table(("code", "count", "first", "last"), rows)


def _show_providers(providers: Mapping[str, Any]) -> None:
    rows = [
        (name, one["state"], one["breaker"], moment(one["last_success"]), one["status_page"])
        for name, one in providers.items()
    ]
    print_table(("provider", "state", "breaker", "last success", "status page"), rows)


def _disk_rows(disks: Mapping[str, Any]) -> list[tuple[object, ...]]:
    return [
        (
            what,
            "-" if one["used_percent"] is None else f"{one['used_percent']:.1f} %",
            size(one["free"]) if one["total"] else "-",
            f"{one['inodes_free']:,}" if one["inodes"] else "-",
            one["verdict"],
            one["path"],
        )
        for what, one in disks.items()
    ]


def _states(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Parts, or what can be done with them."""
    return [(name, one["state"], moment(one.get("since")), one["reason"]) for name, one in found.items()]


def _machine(figures: Mapping[str, Any]) -> str:
    where = "container" if figures["limited"] else "machine"
    load = " ".join(f"{figures[name]:.2f}" for name in ("load_1", "load_5", "load_15"))
    return f"memory of the {where}: {size(figures['memory_used'])} of {size(figures['memory_total'])}; load: {load}"


def moment(text: str | None) -> str:
    """A time of the API to the second, in UTC."""
    if not text:
        return ""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC")


def period(seconds: float) -> str:
    """A length of time as a person says it: two units at most."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def _summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is nested deeper than a line has room for is left to tables and to `--json`."""
    kept = {
        name: found[name] for name in ("version", "health", "answer_mode", "answer_models", "embedding_model")
        if name in found
    }  # fmt: skip
    if "uptime_seconds" in found:
        kept["up for"] = period(found["uptime_seconds"])
    for name in ("documents", "queue"):
        if found.get(name):
            kept[name] = ", ".join(f"{count:,} {what}" for what, count in found[name].items() if count) or "none"
    kept |= _index(found.get("index")) | _traffic(found.get("traffic")) | _intake(found.get("intake")) | _kept(found)
    if found.get("degradation"):
        kept["degradation"] = found["degradation"]["step"]
    return kept


def _index(index: Mapping[str, Any] | None) -> dict[str, str]:
    if not index:
        return {}
    late = period(index["lag_seconds"]) if index["waiting_changes"] else "0 s"
    checked = f"{moment(index['checked_at'])}: {index['orphans']} too many, {index['missing']} missing"
    holds = "away" if index["chunks"] is None else f"{index['chunks']:,} chunks, {index['vectors']:,} vectors"
    return {
        "index": f"{holds}, being rebuilt: some passages are not found" if index.get("rebuilding") else holds,
        "index lag": f"{late} ({index['waiting_changes']:,} changes wait)",
        "index checked": checked if index["checked_at"] else "not yet",
    }


def _traffic(traffic: Mapping[str, Any] | None) -> dict[str, str]:
    if not traffic:
        return {}
    times = [traffic[name] for name in ("p50", "p95", "p99")]
    said = " / ".join(period(one) for one in times if one is not None) or "none"
    shares = [
        f"{traffic[name] * 100:.1f} % {what}"
        for name, what in (("error_share", "failed (5xx)"), ("refused_share", "refused (4xx)"))
        if traffic[name] is not None
    ]
    return {
        "requests": ", ".join([f"{traffic['per_second']:.2f}/s over the last {period(traffic['seconds'])}", *shares]),
        "p50 / p95 / p99": said,
    }


def _intake(intake: Mapping[str, Any] | None) -> dict[str, str]:
    """Contents that were sent since the server began."""
    if not intake or intake["success_share"] is None:
        return {}
    failed = [f"{count:,} {code}" for code, count in intake["unsuccessful"].items()]
    return {"taken in": ", ".join([f"{intake['ok']:,} contents ({intake['success_share'] * 100:.1f} %)", *failed])}


def _kept(found: Mapping[str, Any]) -> dict[str, str]:
    """Backups and drills, where there is anything to say of them."""
    names = [name for name in ("backup", "drill") if name in found]
    return {f"last {name}": moment(found[name]["last"]) or "none (not configured)" for name in names}


def _processes(found: Mapping[str, Any]) -> list[tuple[object, ...]]:
    return [(role, period(one["cpu_seconds"]), size(one["resident"])) for role, one in found.items()]


def _target(name: str, one: Mapping[str, Any]) -> tuple[object, ...]:
    unit = one["unit"]
    value = "-" if one["value"] is None else f"{one['value']:g} {unit}"
    return name.replace("_", " "), value, f"below {one['target']:g} {unit}", _MARKS[one["ok"]]
