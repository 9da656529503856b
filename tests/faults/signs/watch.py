"""What the running server, Prometheus and the doctor say, look after look, and when each thing was said first."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

import httpx

from tests.faults.signs.stage import Fault, Stage

NO_ANSWER = "no answer"
FAILED = "documents.failed"
_STATUS = ("targets.", "documents.")
_WELL = {"healthy", "not_configured", "ok"}
_EVERY = 0.5
_PATIENCE = 120.0


class Kind(StrEnum):
    HEALTH = "health"
    METRIC = "metric"
    ALERT = "alert"
    FINDING = "finding"


class Watch:
    """wanted: signs by kind; of metrics, queries.

    first: seconds from the begin of the fault until each sign was seen; before: what was there when it began. paths:
    everything of health that could say something.
    """

    def __init__(self, stage: Stage, wanted: Mapping[Kind, tuple[str, ...]]) -> None:
        self.first: dict[Kind, dict[str, float]] = {kind: {} for kind in Kind}
        self.before: frozenset[str] = frozenset()
        self.paths: set[str] = {NO_ANSWER}
        self._stage = stage
        self._wanted = wanted
        self._began: float | None = None
        self._over = threading.Event()
        self._newest: dict[str, frozenset[str]] = {}
        self._looks: dict[str, tuple[Kind, Callable[[], Iterable[str]]]] = {
            "health": (Kind.HEALTH, self._health),
            "status": (Kind.HEALTH, self._status),
            "metric": (Kind.METRIC, self._figures),
            "alerts": (Kind.ALERT, stage.stack.firing),
            "doctor": (Kind.FINDING, self._findings),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Begins when each was looked at, and nothing is there that is wanted."""
        threads = [threading.Thread(target=self._look, args=(name,), daemon=True) for name in self._looks]
        for thread in threads:
            thread.start()
        try:
            end = time.monotonic() + _PATIENCE
            while not self._is_calm():
                assert time.monotonic() < end, f"no calm: {self._newest}"
                time.sleep(_EVERY)
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(_PATIENCE)

    def begin(self, fault: Fault) -> None:
        self.before = frozenset[str]().union(*self._newest.values())
        self._began = time.monotonic()
        self._stage.begin(fault)

    def until_all(self, seconds: float) -> None:
        """Every wanted sign was seen, or so many seconds have passed."""
        assert self._began is not None
        while not all(self._has_all(kind) for kind in Kind) and time.monotonic() - self._began < seconds:
            time.sleep(_EVERY)

    def _is_calm(self) -> bool:
        wanted = {sign for signs in self._wanted.values() for sign in signs}
        return self._newest.keys() == self._looks.keys() and not any(wanted & seen for seen in self._newest.values())

    def _has_all(self, kind: Kind) -> bool:
        return set(self._wanted[kind]) <= self.first[kind].keys()

    def _look(self, name: str) -> None:
        kind, look = self._looks[name]
        while not self._over.is_set():
            if kind is not Kind.FINDING or self._calls_the_doctor():
                began = time.monotonic()
                with suppress(httpx.TransportError):
                    self._note(name, kind, frozenset(look()), began)
            self._over.wait(_EVERY)

    def _calls_the_doctor(self) -> bool:
        """Once in peace; then when health shows the fault, until it is found: a run takes a processor for seconds."""
        if self._began is None:
            known = {sign for signs in self._wanted.values() for sign in signs}
            return not self._newest.get("doctor", known).isdisjoint(known)
        found = self._has_all(Kind.FINDING) and bool(self.first[Kind.FINDING] or not self._wanted[Kind.FINDING])
        return self._has_all(Kind.HEALTH) and not found

    def _note(self, name: str, kind: Kind, seen: frozenset[str], looked: float) -> None:
        """What was looked at before the fault began says nothing about it, whenever the look came to its end."""
        self._newest[name] = seen
        if self._began is not None and looked >= self._began:
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
        if "status" in self._newest and not any(sign.startswith(_STATUS) for sign in self._wanted[Kind.HEALTH]):
            return  # it counts documents each time
        found = self._get("/status")
        for name, one in self._of(found, "targets"):
            if one["ok"] is False:
                yield f"{name}: missed"
        for name, count in self._of(found, "documents"):
            if name == FAILED and count:
                yield name

    def _figures(self) -> list[str]:
        return [one for one in self._wanted[Kind.METRIC] if self._stage.stack.query(one)]

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
