import smtplib
from email.message import EmailMessage

import pytest

from ragkeeper.operations.alerts.channels import mail
from ragkeeper.operations.alerts.channels.mail import MailChannel, MailServer
from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message

MESSAGE = Message("subject", "text", {})
TO = ("ann@example.org", "bob@example.org")


class Smtp(smtplib.SMTP):
    """The library's own sign-in, and a server that takes what it is told to take."""

    refused: dict[str, tuple[int, bytes]] = {}  # noqa: RUF012 - each test sets its own
    says: Exception | None = None
    sent: list[EmailMessage] = []  # noqa: RUF012 - as above

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.esmtp_features = {"auth": "PLAIN"}
        self.does_esmtp = True
        self.command_encoding = "ascii"

    def ehlo(self, name: str = "") -> tuple[int, bytes]:
        return 250, b""

    def ehlo_or_helo_if_needed(self) -> None:
        pass

    def starttls(self, *, context: object) -> tuple[int, bytes]:
        return 220, b""

    def docmd(self, cmd: str, args: str = "") -> tuple[int, bytes]:
        return (221 if cmd == "QUIT" else 235), b""

    def close(self) -> None:
        pass

    def send_message(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        if self.says is not None:
            raise self.says
        self.sent.append(message)
        return self.refused


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> type[Smtp]:
    made = type("Made", (Smtp,), {"sent": [], "refused": {}})
    monkeypatch.setattr(mail.smtplib, "SMTP", made)
    return made


def channel(password: str = "") -> MailChannel:
    server = MailServer("mail.example.org", 587, "ann" if password else "", password)
    return MailChannel(server, "from@example.org", TO)


async def test_a_mail_goes_to_everybody(smtp: type[Smtp]):
    assert await channel("hush").send(MESSAGE) == ""
    [sent] = smtp.sent
    assert (sent["Subject"], sent["To"], sent.get_content()) == ("subject", ", ".join(TO), "text\n")


async def test_whom_the_server_refuses_is_told(smtp: type[Smtp]):
    smtp.refused = {"bob@example.org": (550, b"no such\r\nuser")}
    assert await channel().send(MESSAGE) == "bob@example.org was refused (550 no such user)"


async def test_a_password_that_smtp_cannot_carry_is_told_and_not_shown(smtp: type[Smtp]):
    with pytest.raises(NotDelivered, match="characters other than ASCII") as found:
        await channel("ge\xe4heim").send(MESSAGE)
    assert "heim" not in found.value.message
    assert smtp.sent == []


async def test_a_server_that_repeats_the_password_is_not_quoted(smtp: type[Smtp]):
    smtp.says = smtplib.SMTPDataError(554, b"no user with open-sesame")
    with pytest.raises(NotDelivered, match="no user with") as found:
        await channel("open-sesame").send(MESSAGE)
    assert "sesame" not in found.value.message
