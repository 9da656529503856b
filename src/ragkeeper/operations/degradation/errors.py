"""How declared degradation says no."""

from ragkeeper.core.errors import BadInput, RagkeeperError


class ReadOnly(RagkeeperError):
    """The server takes no changes until {until}: {reason}."""

    code = "read_only"
    status = 503
    fix = (
        "Searches and answers go on; send this again afterwards. An administrator ends it: `ragkeeper degrade --auto`."
    )

    def __init__(self, *, until: str, reason: str, retry_after: float) -> None:
        super().__init__(until=until, reason=reason)
        self.retry_after = retry_after


class DurationInvalid(BadInput):
    """{text!r} is no duration between {least} and {most}."""

    code = "duration_invalid"
    fix = "Write it like 90s, 10m, 2h, 1h30m or 1d."
