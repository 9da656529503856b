"""A webhook that gets what Alertmanager would send it: https://prometheus.io/docs/alerting/latest/configuration/."""

import asyncio

import httpx

from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message

# In all. Nothing waits for it; who gives up on a slow one that takes the message in the end sends it twice.
_SECONDS = 30.0


class WebhookChannel:
    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None, seconds: float = _SECONDS) -> None:
        """seconds: what it has to answer, in all."""
        self.name = "webhook"
        self._url = url
        self._transport = transport
        self._seconds = seconds

    async def send(self, message: Message) -> str:
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx.AsyncClient(timeout=self._seconds, transport=self._transport) as client,
            ):
                answer = await client.post(self._url, json=message.payload)
        except TimeoutError as error:
            reason = f"it did not answer within {self._seconds:g} seconds"
            raise NotDelivered(channel=self.name, reason=reason) from error
        except httpx.InvalidURL as error:  # says which part of it, and that may be a secret
            raise NotDelivered(channel=self.name, reason="its address is no URL") from error
        except httpx.HTTPError as error:
            raise NotDelivered(channel=self.name, reason=str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise NotDelivered(channel=self.name, reason=f"it answered with status {answer.status_code}")
        return ""
