"""The dashboards: the two of the guides and one of everything that is ragkeeper's own."""

import json

from ragkeeper.operations.alerts.expressions import Span
from ragkeeper.operations.monitoring import own_dashboard
from ragkeeper.operations.monitoring.models import File, Files, Plan
from ragkeeper.operations.monitoring.panels import DATA_SOURCE, Dashboard, Row, grafana
from ragkeeper.operations.monitoring.prometheus import noted
from ragkeeper.operations.monitoring.shown import Shown

_FOLDER = "grafana/dashboards"
_PROVISIONING = "grafana/provisioning"


def dashboard_files(plan: Plan) -> Files:
    boards = {f"{_FOLDER}/{board.uid}.json": File(_json(board, plan.span)) for board in dashboards(plan)}
    return {
        **boards,
        f"{_FOLDER}/.lint": File(noted(_exceptions(plan))),
        f"{_PROVISIONING}/dashboards/ragkeeper.yml": File(noted(_provider(plan))),
        f"{_PROVISIONING}/datasources/ragkeeper.yml": File(noted(_data_source())),
    }


def dashboards(plan: Plan) -> tuple[Dashboard, ...]:
    shown = Shown(plan)
    return _interface(shown), _overview(shown), own_dashboard.dashboard(shown)


def _interface(shown: Shown) -> Dashboard:
    return Dashboard(
        "rag-interface-system",
        "RAG Interface System",
        "The targets of the RAG Interface guide, each with its limit.",
        (
            Row("Service", (shown.service_health(), shown.response_time(), shown.error_rate(), shown.request_rate())),
            Row("Machine", (shown.cpu(), shown.memory(), shown.disk(), shown.network())),
        ),
    )


def _overview(shown: Shown) -> Dashboard:
    return Dashboard(
        "rag-system-overview",
        "RAG System Overview",
        "The panels of the RAG System guide.",
        (
            Row("Requests", (shown.api_response_times(), shown.request_rate(), shown.error_rate())),
            Row("System Resources", (shown.cpu(), shown.memory(), shown.disk(), shown.network())),
        ),
    )


def _exceptions(plan: Plan) -> dict[str, object]:
    """What Grafana's dashboard-linter is to let pass, and why: https://github.com/grafana/dashboard-linter/blob/main/docs/index.md."""
    everywhere = [
        {"dashboard": board.title, "panel": panel.title}
        for board in dashboards(plan)
        for panel in board.panels
        if any(query.everywhere for query in panel.queries)
    ]
    of_all = {"reason": "It shows which servers there are, chosen or not.", "entries": everywhere}
    windows = {"reason": "A panel looks at the window of the alert beside it, so that the two agree."}
    return {
        "exclusions": {
            "target-rate-interval-rule": windows,
            "target-job-rule": of_all,
            "target-instance-rule": of_all,
        }
    }


def _json(board: Dashboard, span: Span) -> str:
    return json.dumps(grafana(board, span), indent=2, ensure_ascii=False) + "\n"


def _provider(plan: Plan) -> dict[str, object]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "ragkeeper",
                "type": "file",
                "allowUiUpdates": False,
                "options": {"path": str(plan.seen_at / _FOLDER)},
            }
        ],
    }


def _data_source() -> dict[str, object]:
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": DATA_SOURCE,
                "type": "prometheus",
                "access": "proxy",
                "url": "http://localhost:9090",
            },
        ],
    }
