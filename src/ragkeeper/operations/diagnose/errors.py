"""How a diagnosis fails."""

from ragkeeper.core.errors import RagkeeperError


class NotTracing(RagkeeperError):
    """Allocations are not followed."""

    code = "not_tracing"
    status = 409
    fix = "`ragkeeper diagnose memory --allocations` follows them and compares at its end."


class HostUnreadable(RagkeeperError):
    """The figures of this machine cannot be read: {reason}."""

    code = "host_unreadable"
    status = 503
    fix = "They are read from /proc, as Linux has it; run the command where that can be read."
