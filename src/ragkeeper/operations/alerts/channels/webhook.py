"""A webhook that gets what Alertmanager would send it: https://prometheus.io/docs/alerting/latest/configuration/."""

import httpx

from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message

_SECONDS = 10.0


class WebhookChannel:
    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.name = "webhook"
        self._url = url
        self._transport = transport

    async def send(self, message: Message) -> None:
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, transport=self._transport) as client:
                answer = await client.post(self._url, json=message.payload)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(channel=self.name, reason=str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise NotDelivered(channel=self.name, reason=f"it answered with status {answer.status_code}")
