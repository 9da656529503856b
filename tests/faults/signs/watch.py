"""What the running server, Prometheus and the doctor say, look after look, and when each thing was said first."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

import httpx

from tests.faults.signs.stage import Stage

NO_ANSWER = "no answer"
FAILED = "queue.failed"
_WELL = {"healthy", "not_configured", "ok"}
_EVERY = 0.25
_CALM_SECONDS = 4.0
_PATIENCE = 120.0


class Kind(StrEnum):
    HEALTH = "health"
    METRIC = "metric"
    ALERT = "alert"
    FINDING = "finding"


class Watch:
    """first: seconds from the begin of the fault until each sign was seen; before: what was there already.

    paths: everything of health that could say something.
    """

    def __init__(self, stage: Stage, metric: str, finding: str) -> None:
        self.first: dict[Kind, dict[str, float]] = {kind: {} for kind in Kind}
        self.before: set[str] = set()
        self.paths: set[str] = {NO_ANSWER}
        self._stage = stage
        self._metric = metric
        self._finding = finding
        self._began: float | None = None
        self._over = threading.Event()
        self._looked: set[str] = set()
        self._looks: dict[str, tuple[Kind, Callable[[], Iterable[str]]]] = {
            "health": (Kind.HEALTH, self._health),
            "status": (Kind.HEALTH, self._status),
            "metric": (Kind.METRIC, self._figures),
            "alerts": (Kind.ALERT, stage.stack.firing),
            "doctor": (Kind.FINDING, self._findings),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Returns when each was looked at in peace."""
        threads = [threading.Thread(target=self._look, args=(name,), daemon=True) for name in self._looks]
        for thread in threads:
            thread.start()
        try:
            end = time.monotonic() + _PATIENCE
            time.sleep(_CALM_SECONDS)
            while self._looked != set(self._looks):
                assert time.monotonic() < end, f"only {sorted(self._looked)} could be looked at"
                time.sleep(_EVERY)
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(_PATIENCE)

    def begin(self) -> None:
        self._began = time.monotonic()
        self._stage.begin()

    def until(self, wanted: Mapping[Kind, Iterable[str]], seconds: float) -> None:
        """Every wanted sign was seen, or so many seconds have passed."""
        assert self._began is not None
        while any(set(names) - self.first[kind].keys() for kind, names in wanted.items()):
            if time.monotonic() - self._began > seconds:
                return
            time.sleep(_EVERY)

    def _look(self, name: str) -> None:
        kind, look = self._looks[name]
        while not self._over.is_set():
            began = time.monotonic()
            with suppress(httpx.TransportError):
                self._note(kind, set(look()), began)
                self._looked.add(name)
            while not self._over.wait(_EVERY) and kind is Kind.FINDING and self._rests():
                pass

    def _rests(self) -> bool:
        """The doctor takes a processor for seconds: no more often than is needed."""
        seen = self._finding in self.first[Kind.FINDING] if self._finding else bool(self.first[Kind.FINDING])
        return seen or (self._began is None and "doctor" in self._looked)

    def _note(self, kind: Kind, seen: set[str], looked: float) -> None:
        """What was looked at before the fault began says nothing about it, whenever the look came to its end."""
        if self._began is None:
            self.before |= seen
        elif looked >= self._began:
            for sign in seen:
                self.first[kind].setdefault(sign, time.monotonic() - self._began)

    def _health(self) -> Iterator[str]:
        try:
            ready, detailed = (self._get(f"/health/{path}") for path in ("ready", "detailed"))
        except httpx.TransportError:
            yield NO_ANSWER
            return
        for name, one in (*self._of(detailed, "components"), *self._of(ready, "capabilities")):
            if one["state"] not in _WELL:
                yield f"{name}: {one['state']}"
        for name, one in self._of(detailed, "disks"):
            if one["verdict"] != "ok":
                yield f"{name}: {one['verdict']}"
        for cause in (ready["degradation"] or {}).get("causes", ()):
            yield f"degradation: {cause['name']}"

    def _status(self) -> Iterator[str]:
        found = self._get("/status")
        for name, one in self._of(found, "targets"):
            if one["ok"] is False:
                yield f"{name}: missed"
        for name, count in self._of(found, "queue"):
            if name == FAILED and count:
                yield name

    def _figures(self) -> list[str]:
        return [self._metric] if self._stage.stack.query(self._metric) else []

    def _findings(self) -> list[str]:
        return [one["code"] for one in json.loads(self._stage.doctor().stdout)["findings"]]

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._stage.server.http.get(path).json()
        return found

    def _of(self, found: Mapping[str, Any], section: str) -> list[tuple[str, Any]]:
        """The members of a section by their paths; none of one that is not known now."""
        named = [(f"{section}.{name}", one) for name, one in (found.get(section) or {}).items()]
        self.paths.update(name for name, _ in named)
        return named
