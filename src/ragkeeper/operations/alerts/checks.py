"""Whether alerts of the running server leave it."""

from collections.abc import Callable, Iterable
from typing import Any

from ragkeeper.core.checks import Check, Finding, Kind, Severity

CHANNEL_FAILING = Kind(
    "alert_channel_failing",
    Severity.WARNING,
    "The last alert by {channel} did not arrive: {reason}",
    "Nobody is told by it when something goes wrong; what waits is sent when it works again.",
    "ragkeeper monitoring test",
)


def channel_checks(ask: Callable[[str], Any]) -> list[Check]:
    """ask: gets a path from the running server as JSON; raises NotLooked where none answers."""

    def look() -> Iterable[Finding]:
        troubles = ask("/admin/alerts")["channels"].items()
        return [CHANNEL_FAILING.found({"channel": name, "reason": reason}) for name, reason in troubles if reason]

    return [Check("server", "alert channels", look)]
