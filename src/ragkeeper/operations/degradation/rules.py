"""Which step is in force, and for how long. No I/O, no clock."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ragkeeper.operations.degradation.errors import DurationInvalid
from ragkeeper.operations.degradation.models import Cause, Causes, Degradation, Forced, Seen, Step

LEAST, MOST = timedelta(seconds=1), timedelta(days=7)
DEFAULT = timedelta(hours=1)
LINGER = timedelta(seconds=10)
"""A cause is over when it was not seen for so long."""

_LONGEST_RETRY = 300.0
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PARTS = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?", re.ASCII)


def in_force(causes: Iterable[Cause], forced: Forced | None) -> Degradation:
    """The worst of all; storing and answering are judged apart."""
    held = tuple(sorted(causes, key=lambda cause: (-cause.seen.step.rank, cause.seen.name)))
    steps = [cause.seen.step for cause in held] + ([forced.step] if forced else [])
    return Degradation(
        step=worst(steps),
        answers=worst(step for step in steps if step is not Step.READ_ONLY),
        takes_changes=Step.READ_ONLY not in steps,
        causes=held,
        forced=forced,
    )


def worst(steps: Iterable[Step]) -> Step:
    return max(steps, key=lambda step: step.rank, default=Step.FULL)


def still_forced(forced: Forced | None, now: datetime) -> Forced | None:
    return forced if forced and now < forced.until else None


def settled(held: Causes, seen: Sequence[Seen], now: datetime) -> dict[str, Cause]:
    """The causes after a look: new ones begin at once, those that are no longer seen end after `LINGER`."""
    # What was last seen in the future tells of a clock that was set back: nobody waits until it is that late again.
    kept = {name: cause for name, cause in held.items() if timedelta(0) <= now - cause.last_seen < LINGER}
    for one in seen:
        since = kept[one.name].since if one.name in kept else now
        kept[one.name] = Cause(one, since, now)
    return kept


def retry_after(forced: Forced, now: datetime) -> float:
    """Seconds; whoever forced it may end it sooner, so nobody is sent away for longer than a few minutes."""
    return max(1.0, min((forced.until - now).total_seconds(), _LONGEST_RETRY))


def duration(text: str) -> timedelta:
    """`10m`, `1h30m`, `90s` or plain seconds. Raises DurationInvalid."""
    words = f"{text}s" if text.isascii() and text.isdecimal() else text
    found = _PARTS.fullmatch(words.strip().lower())
    if not found or not any(found.groups()):
        raise DurationInvalid(text=text, least=LEAST, most=MOST)
    seconds = sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS.values(), strict=True))
    if not LEAST.total_seconds() <= seconds <= MOST.total_seconds():
        raise DurationInvalid(text=text, least=LEAST, most=MOST)
    return timedelta(seconds=seconds)
