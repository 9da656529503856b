"""How long to wait before asking a busy server again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def next_wait(attempt: int, retry_after: str | None, first: float, longest: float, chance: float) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 1); None: the server asks for more than `longest`.

    chance: between 0 and 1, spreads the waits from half of the growing delay to all of it.
    """
    asked = seconds_asked(retry_after, datetime.now(UTC)) if retry_after else None
    if asked is not None and asked > longest:
        return None
    delay = min(first * 2.0 ** (attempt - 1), longest) * (0.5 + chance / 2)
    return max(delay, asked or 0.0)


def seconds_asked(retry_after: str, now: datetime) -> float | None:
    """What a Retry-After header asks for, as seconds or as a date; None when it cannot be read."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
