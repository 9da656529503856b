from pathlib import Path

import pytest

from ragkeeper.core.settings import Settings
from ragkeeper.operations.monitoring.errors import MailUnusable
from ragkeeper.operations.monitoring.models import Mail
from ragkeeper.operations.monitoring.rules import plan, receivers


def settings(**given: str) -> Settings:
    return Settings.model_validate(given)


def test_a_plan_is_made_of_settings():
    given = settings(
        RAG_ALERT_THRESHOLDS="HighErrorRate.warning=0.02", RAG_ALERT_PATHS="/chat, /x", RAG_ALERT_OWNER="ann"
    )
    found = plan(given, ["a:1"], [("redis", "b:2")], "c:3", Path("/x"))
    assert found.targets == (("rag-interface", "a:1"), ("redis", "b:2"))
    assert found.paths == ("/chat", "/x")
    assert {one.owner for one in found.alerts} == {"ann"}
    assert 0.02 in {one.condition.threshold for one in found.alerts}


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("smtp://mail.example", Mail(("a@b.c",), "ragkeeper@localhost", "mail.example", 587)),
        ("smtps://mail.example", Mail(("a@b.c",), "ragkeeper@localhost", "mail.example", 465, secure=True)),
        (
            "smtp://us%40er:pa%3Ass@mail.example:25",
            Mail(("a@b.c",), "ragkeeper@localhost", "mail.example", 25, "us@er", "pa:ss"),
        ),
    ],
)
def test_a_mail_server_is_read_from_its_address(address: str, wanted: Mail):
    assert receivers(settings(RAG_ALERT_MAIL_TO="a@b.c", RAG_SMTP_URL=address)).mail == wanted


@pytest.mark.parametrize("address", ["", "mail.example", "http://mail.example", "smtp://", "smtp://x:99999"])
def test_a_mail_server_that_cannot_be_is_refused(address: str):
    with pytest.raises(MailUnusable):
        receivers(settings(RAG_ALERT_MAIL_TO="a@b.c", RAG_SMTP_URL=address))


def test_nobody_is_told_by_default():
    assert receivers(settings()).names == ()
