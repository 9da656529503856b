"""How long models may take where the settings do not say: one of the operator's own needs more time than a hosted one.

Without a graphics card it can take a minute to read a few thousand tokens of passages, and before its first question it
must be loaded. A hosted one that has not begun after 30 seconds is not worth waiting for.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ragkeeper.core.settings import ChatProvider, Settings

_OWN_NETWORK = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: until the first piece of an answer, for a whole one, and for a streamed one with its search."""

    first_token: float
    total: float
    stream: float


_HOSTED = Patience(first_token=30.0, total=120.0, stream=60.0)
_OWN = Patience(first_token=120.0, total=300.0, stream=300.0)


def with_model(settings: Settings, provider: ChatProvider) -> Patience:
    usual = _OWN if is_own(provider.base_url) else _HOSTED
    return Patience(
        first_token=settings.first_token_timeout or usual.first_token,
        total=settings.model_timeout or usual.total,
        stream=settings.stream_timeout or usual.stream,
    )


def with_streams(settings: Settings) -> float:
    """As the model with the longest needs it."""
    needed = (with_model(settings, provider).stream for provider in settings.chat_providers)
    return max(needed, default=settings.stream_timeout or _HOSTED.stream)


def is_own(address: str) -> bool:
    """Whether the address is of this machine or of the operator's network, as far as its host's name tells."""
    host = (urlsplit(address).hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_OWN_NETWORK)
