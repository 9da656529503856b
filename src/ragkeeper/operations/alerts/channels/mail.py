"""Mail, as RFC 5321 sends it: https://www.rfc-editor.org/rfc/rfc5321."""

import asyncio
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from ragkeeper.core.redaction import HIDDEN
from ragkeeper.operations.alerts.errors import NotDelivered
from ragkeeper.operations.alerts.messages import Message

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """How mail leaves. secure: TLS from the first byte; else it begins where it is offered, and must with a user."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    secure: bool = False


class MailChannel:
    def __init__(self, server: MailServer, sender: str, to: tuple[str, ...]) -> None:
        self.name = "mail"
        self._server = server
        self._sender = sender
        self._to = to

    async def send(self, message: Message) -> str:
        try:
            refused = await asyncio.to_thread(self._send, message)
        except UnicodeError as error:  # smtplib signs in with ASCII only
            reason = "the user, the password or an address has characters other than ASCII"
            raise NotDelivered(channel=self.name, reason=reason) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(channel=self.name, reason=self._said(error)) from error
        return ", ".join(f"{to} was refused ({code} {_text(why)})" for to, (code, why) in refused.items())

    def _said(self, error: Exception) -> str:
        """What a server says may repeat what it was told."""
        text = str(error) or type(error).__name__
        return text.replace(self._server.password, HIDDEN) if self._server.password else text

    def _send(self, message: Message) -> Mapping[str, tuple[int, bytes]]:
        """The addresses that the server refused, of several; it raises where it refused all."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self._sender, ", ".join(self._to)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="ragkeeper.invalid")
        mail.set_content(message.text)
        with self._connected() as smtp:
            return smtp.send_message(mail)

    def _connected(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.secure:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
            smtp.ehlo()
            if server.user or smtp.has_extn("starttls"):
                smtp.starttls(context=context)
                smtp.ehlo()
        if server.user:
            smtp.login(server.user, server.password)
        return smtp


def _text(said: bytes) -> str:
    return " ".join(said.decode("utf-8", "replace").split())
