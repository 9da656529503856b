"""Mail, as RFC 5321 sends it: https://www.rfc-editor.org/rfc/rfc5321."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

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

    async def send(self, message: Message) -> None:
        try:
            await asyncio.to_thread(self._send, message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(channel=self.name, reason=str(error) or type(error).__name__) from error

    def _send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self._sender, ", ".join(self._to)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="ragkeeper.invalid")
        mail.set_content(message.text)
        with self._connected() as smtp:
            smtp.send_message(mail)

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
