"""The panels that more than one dashboard shows, with the limits of the alerts beside them."""

from ragkeeper.core.figures.machine import DISK_AVAILABLE, DISK_SIZE, NETWORK_RECEIVED, NETWORK_SENT
from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS
from ragkeeper.operations.alerts.answering import ERRORS, REQUESTS
from ragkeeper.operations.alerts.conditions import UP, busy, quantile, used
from ragkeeper.operations.alerts.expressions import Aggregate, Arithmetic, Expression, Match, Number, Rate, Select
from ragkeeper.operations.alerts.machine import DEVICES, FREE_MEMORY, IDLE, MEMORY, own_share
from ragkeeper.operations.monitoring.models import Plan
from ragkeeper.operations.monitoring.panels import Panel, Query

WINDOW = 300.0


class Shown:
    """plan: its alerts give the limits, its paths what counts as an answer that somebody waits for."""

    def __init__(self, plan: Plan) -> None:
        self._limits = {one.id: one.condition.threshold for one in plan.alerts}
        self.paths = (Match("path", plan.paths),)

    def limits(self, alert: str, scale: float = 1) -> tuple[float, ...]:
        """Where its warning and its critical level begin."""
        found = (self._limits.get(f"{alert}.{severity}") for severity in ("warning", "critical"))
        return tuple(round(limit * scale, 6) for limit in found if limit is not None)

    def service_health(self) -> Panel:
        up = Query(Select(UP), "{{instance}}", everywhere=True)
        about = "1 while Prometheus can read the server, 0 while it cannot; of every server, chosen or not."
        return Panel("Service Health", about, "none", (up,), kind="stat", limits=(1,), falling=True)

    def response_time(self) -> Panel:
        line = Query(quantile(HTTP_SECONDS, self.paths, 0.95, WINDOW), "95th percentile")
        about = "Of searches and answers; of a streamed answer the time to its first event."
        return Panel("Response Time", about, "s", (line,), limits=self.limits("HighResponseTime"))

    def api_response_times(self) -> Panel:
        lines = tuple(
            Query(quantile(HTTP_SECONDS, self.paths, share, WINDOW), f"p{share * 100:.0f}")
            for share in (0.5, 0.95, 0.99)
        )
        about = "Of searches and answers; of a streamed answer the time to its first event."
        return Panel("API Response Times", about, "s", lines, limits=self.limits("HighResponseTime"))

    def request_rate(self) -> Panel:
        line = Query(sum_of_rates(Select(HTTP_REQUESTS, REQUESTS)), "Requests/sec")
        return Panel("Request Rate", "What watches the server is not counted.", "reqps", (line,))

    def error_rate(self) -> Panel:
        line = Query(percent(ERRORS.over(WINDOW)), "Error Rate %")
        about = "Requests answered with a status of 500 or more, of all."
        return Panel("Error Rate", about, "percent", (line,), kind="stat", limits=self.limits("HighErrorRate", 100))

    def cpu(self) -> Panel:
        lines = (
            Query(percent(busy(IDLE, WINDOW)), "CPU Usage % {{instance}}"),
            Query(percent(own_share(WINDOW)), "of what the server may use % {{instance}}"),
        )
        about = "Mean of all processors; and what the server uses of those that a container's limit leaves it."
        return Panel("CPU Usage", about, "percent", lines, limits=self.limits("HighCPUUsage", 100))

    def memory(self) -> Panel:
        line = Query(percent(used(FREE_MEMORY, MEMORY)), "Memory Usage % {{instance}}")
        about = "Of the container, where that may use less than the machine has."
        return Panel("Memory Usage", about, "percent", (line,), limits=self.limits("HighMemoryUsage", 100))

    def disk(self) -> Panel:
        share = used(Select(DISK_AVAILABLE), Select(DISK_SIZE), ("instance", "mountpoint"))
        line = Query(percent(share), "{{mountpoint}} {{instance}}")
        limits = tuple(100 - limit for limit in self.limits("DiskSpaceLow", 100))
        return Panel("Disk Usage", "Each file system that the server writes to.", "percent", (line,), limits=limits)

    def network(self) -> Panel:
        directions = ((NETWORK_RECEIVED, "in"), (NETWORK_SENT, "out"))
        lines = tuple(
            Query(sum_of_rates(Select(counter, DEVICES), ("instance",)), f"{way} {{{{instance}}}}")
            for counter, way in directions
        )
        return Panel("Network", "What the machine says to itself is not counted.", "Bps", lines)


def percent(share: Expression) -> Expression:
    return Arithmetic(share, "*", Number(100))


def sum_of_rates(counter: Select, by: tuple[str, ...] = (), window: float = WINDOW) -> Expression:
    return Aggregate("sum", Rate(counter, window), by)
