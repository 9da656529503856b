"""Who may read the metrics, and what is called what in them. No I/O."""

import hmac
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_WORKERS = ("index_builder", "vectors.optimizer")
# What embeds and cuts documents, and what runs durable jobs: the last of them are DBOS's own.
_WORKER_THREADS = re.compile(
    r"(embed-documents|cut|jobs_record)_\d+|(queue-worker|dbos)-.*|Thread-\d+ \((queue_thread|dynamic_scheduler_loop)\)"
)
# A proxy on this machine says so in one of these: then the one who asks is somebody else.
_FORWARDED = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
_FORWARDED_FAMILY = "x-forwarded-"


def asks_from_this_machine(client: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request came over loopback, for loopback, and through nobody.

    headers: names in lower case. The `Host` is looked at because a page of another site can make a browser on this
    machine ask under that site's name (DNS rebinding).
    """
    return (
        _is_loopback(client or "") and _is_local_name(headers.get("host", "")) and not any(map(_is_forwarded, headers))
    )


def holds_token(authorization: str, token: str) -> bool:
    """Whether the header carries the token for metrics; never, where none is set."""
    scheme, _, given = authorization.partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def role_of(command: str) -> str:
    """Of a child: those that build or rearrange an index do the worker's work; all others read files."""
    return "worker" if any(module in command for module in _WORKERS) else "parser"


def works(thread: str) -> bool:
    """Whether a thread of the server itself, by its name, does the worker's work; all others answer people."""
    return _WORKER_THREADS.fullmatch(thread) is not None


def _is_forwarded(header: str) -> bool:
    return header in _FORWARDED or header.startswith(_FORWARDED_FAMILY)


def _is_local_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
