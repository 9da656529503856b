"""The settings of alerts; `core/settings.py` reads them with all others."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

_ASKING = "/api/v1/search,/chat,/chat/stream,/api/chat,/api/chat/stream,/v1/chat/completions,/v1/embeddings"


def _words(given: object) -> object:
    return tuple(word.strip() for word in given.split(",") if word.strip()) if isinstance(given, str) else given


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class AlertSettings(BaseModel):
    """Who is told of what is wrong, and from which threshold on."""

    model_config = ConfigDict(frozen=True, populate_by_name=False, extra="forbid")

    alert_mail_to: Words = Field(
        (), alias="RAG_ALERT_MAIL_TO", description="Addresses, by commas, that get every alert; needs RAG_SMTP_URL."
    )
    alert_mail_from: str = Field(
        "", alias="RAG_ALERT_MAIL_FROM", description="Who such mail comes from; default: ragkeeper@localhost."
    )
    smtp_url: SecretStr = Field(
        SecretStr(""),
        alias="RAG_SMTP_URL",
        description="Mail server (`smtp://user:password@host:587`, or `smtps://` where TLS begins at once).",
    )
    alert_webhook_url: SecretStr = Field(
        SecretStr(""), alias="RAG_ALERT_WEBHOOK_URL", description="Address that gets every alert as JSON."
    )
    alert_slack_url: SecretStr = Field(
        SecretStr(""), alias="RAG_ALERT_SLACK_URL", description="Slack webhook that Alertmanager sends warnings to."
    )
    alert_pagerduty_key: SecretStr = Field(
        SecretStr(""),
        alias="RAG_ALERT_PAGERDUTY_KEY",
        description="PagerDuty routing key that Alertmanager sends critical alerts with.",
    )
    alert_heartbeat_url: SecretStr = Field(
        SecretStr(""),
        alias="RAG_ALERT_HEARTBEAT_URL",
        description="Address that is called every minute while alerts are evaluated; its silence is an alert.",
    )
    alert_thresholds: str = Field(
        "",
        alias="RAG_ALERT_THRESHOLDS",
        description="Thresholds other than those of the alerts page: `HighErrorRate.warning=0.02`, by commas.",
    )
    alert_paths: Words = Field(
        tuple(_ASKING.split(",")),
        alias="RAG_ALERT_PATHS",
        description="Routes on which a person waits, by commas: those whose times alerts and dashboards look at.",
    )
    alert_owner: str = Field("operator", alias="RAG_ALERT_OWNER", description="Label `owner` of every alert.")
    runbook_url: str = Field(
        "https://ragkeeper.dev/docs/operate",
        alias="RAG_RUNBOOK_URL",
        description="Where you put docs/operate, readable while the server is down; every alert links to a page there.",
    )
