"""`/admin/alerts`: what the server itself sees, silences, and proof that messages arrive. For administrators."""

from datetime import timedelta

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.alerts.schemas import AlertsView, AlertView, SilenceBody, SilenceView, TestView
from ragkeeper.operations.alerts.service import AlertService

PATH = "/admin/alerts"


def alert_routes(service: AlertService) -> APIRouter:
    router = APIRouter(tags=["administration"])

    @router.get(PATH)
    async def get_alerts(caller: CurrentCaller) -> AlertsView:
        """Alerts that are pending or firing, by the server's own figures; they need no Prometheus."""
        return AlertsView(
            alerts=[AlertView.of(one) for one in service.active(caller)],
            silences=[SilenceView.of(one) for one in service.silences(caller)],
            channels=service.channels,
        )

    @router.post(f"{PATH}/silences")
    async def silence_alert(caller: CurrentCaller, body: SilenceBody) -> list[SilenceView]:
        """Tell nobody of this alert for a while; it is shown all the same. Returns the silences that hold then."""
        kept = await service.silence(caller, body.alert, timedelta(seconds=body.seconds), body.reason)
        return [SilenceView.of(one) for one in kept]

    @router.post(f"{PATH}/test")
    async def send_test(caller: CurrentCaller) -> TestView:
        """Send a test message by every channel that is set up."""
        return TestView(sent=await service.test(caller))

    return router
