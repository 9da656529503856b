"""A breaker's record as text that processes exchange. Times in it are those of Redis's clock, `offset` before ours."""

import json
from dataclasses import asdict, replace

from ragkeeper.providers.resilience.models import Cause, Record, State, Trial


def encode(record: Record, offset: float) -> bytes:
    """offset: Redis's time less ours, in seconds."""
    return json.dumps(asdict(_moved(record, offset)), sort_keys=True).encode()


def decode(stored: bytes | None, offset: float, now: float) -> Record:
    """In our time. What is no record, as another release may write it, is a breaker that never changed.

    A state that begins in the future means that Redis's clock was set back: it begins now, as long as it was to be.
    """
    if not stored:
        return Record()
    try:
        record = _moved(_parsed(stored), -offset)
    except (ValueError, TypeError, KeyError):
        return Record()
    return _moved(record, min(0.0, now - record.since))


def _parsed(stored: bytes) -> Record:
    found = json.loads(stored)
    cause = found.pop("cause")
    trials = tuple(Trial(**trial) for trial in found.pop("trials"))
    state = State(found.pop("state"))
    return Record(**found, state=state, cause=Cause(cause) if cause else None, trials=trials)


def _moved(record: Record, seconds: float) -> Record:
    return replace(
        record,
        since=record.since + seconds,
        opened=record.opened + seconds,
        until=None if record.until is None else record.until + seconds,
        trials=tuple(Trial(trial.id, trial.began + seconds) for trial in record.trials),
    )
