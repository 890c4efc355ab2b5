"""Sends alerts by e-mail."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime
from typing import Annotated, Literal

from msgspec import Meta

import quantd
from quantd_plugins.sinks.parts import template
from quantd_plugins.sinks.parts.message import key_of, text_of
from quantd_plugins.sinks.parts.settings import named, positive
from quantd_plugins.sinks.parts.threads import Threads

_LOCAL = ("localhost", "127.0.0.1", "::1")
Letters = Annotated[str, Meta(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$")]


class EmailSink(quantd.AlertSink):
    """Sends each alert as an e-mail over SMTP. Messages about one firing are one conversation; the `Message-ID` is the same for each
    attempt.

    The certificate of the server is checked. A server that offers no STARTTLS is not used, unless `security` is `none`, and a password is
    never sent unencrypted to another host. An answer 5xx is final, except to a login.
    """

    host: Annotated[str, Meta(min_length=1, description="The SMTP server.")]
    sender: Annotated[Letters, Meta(description="The address in From.")]
    to: Annotated[tuple[Letters, ...], Meta(min_length=1, description="The addresses that get the alerts.")]
    port: Annotated[int, Meta(ge=0, le=65_535, description="0 is the usual one: 587, or 465 with tls, or 25 with none.")] = 0
    security: Annotated[Literal["starttls", "tls", "none"], Meta(description="How the connection is encrypted.")] = "starttls"
    user: Annotated[str, Meta(description="The name to log in with; empty: no login.")] = ""
    password: Annotated[quantd.Secret | None, Meta(description="The password, or {file: path}.")] = None
    ca: Annotated[str, Meta(description="A file of certificates to trust instead of the system's.")] = ""
    subject: Annotated[str, Meta(min_length=1, description="The subject, with {text}, {severity}, {labels.NAME} …")] = (
        "[{severity}] {state}: {text}"
    )
    figure: Annotated[bool, Meta(description="Whether a drawing of the firing is attached, as SVG.")] = False
    timeout: Annotated[str, Meta(pattern=r"^\d+(ms|s|m)$", description="How long to wait for each answer.")] = "20s"

    def __post_init__(self) -> None:
        self._threads = Threads()
        self._timeout_s = positive("timeout", self.timeout) / 1000
        named("subject", lambda: template.check(self.subject))
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together")
        if self.user and self.security == "none" and self.host not in _LOCAL:
            raise ValueError("security: none would send the password unencrypted")

    @property
    def wants_figure(self) -> bool:
        return self.figure

    async def send(self, alert: quantd.Alert) -> None:
        await self._threads.run(self._deliver, self._letter([alert]))

    async def send_many(self, alerts: Sequence[quantd.Alert]) -> None:
        await self._threads.run(self._deliver, self._letter(alerts))

    def _letter(self, alerts: Sequence[quantd.Alert]) -> EmailMessage:
        """Return one e-mail about alerts that belong together."""
        first, letter = alerts[0], EmailMessage()
        more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
        letter["Subject"] = " ".join(f"{template.filled(self.subject, first)}{more}".split())
        letter["From"] = self.sender
        letter["To"] = ", ".join(self.to)
        letter["Date"] = localtime()
        letter["Message-ID"] = self._id("\n".join(key_of(alert) for alert in alerts))
        letter["References"] = self._id(first.id)
        letter["Auto-Submitted"] = "auto-generated"
        letter["X-Quantd-Key"] = " ".join(key_of(alert) for alert in alerts)
        letter.set_content("\n\n".join(_body(alert) for alert in alerts))
        for number, alert in enumerate(alerts, 1):
            if alert.figure:
                letter.add_attachment(alert.figure.encode(), "image", "svg+xml", filename=f"firing-{number}.svg")
        return letter

    def _id(self, text: str) -> str:
        return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{Address(addr_spec=self.sender).domain}>"

    def _deliver(self, letter: EmailMessage) -> None:
        """Send an e-mail. Raises Refused if the server refuses it for good, and QuantdError if it may be sent again."""
        try:
            with self._connected() as server:
                refused = server.send_message(letter)
        except smtplib.SMTPRecipientsRefused as error:
            self._fail(min(code for code, _ in error.recipients.values()), f"refuses {', '.join(error.recipients)}")
        except smtplib.SMTPAuthenticationError as error:
            raise quantd.QuantdError(f"{self.host} refuses the login of {self.user} with {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
            self._fail(error.smtp_code, f"answered {error.smtp_code}: {self._shown(said)}")
        except (smtplib.SMTPException, OSError) as error:
            raise quantd.QuantdError(f"{self.host}: {self._shown(str(error) or type(error).__name__)}") from None
        for address, (code, _) in refused.items():
            self.log.warning("%s refuses %s with %d: the others have the alert", self.host, address, code)

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca or None) if self.security != "none" else None
        port = self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]
        connect: Callable[[], smtplib.SMTP] = (
            (lambda: smtplib.SMTP_SSL(self.host, port, timeout=self._timeout_s, context=context))
            if self.security == "tls"
            else (lambda: smtplib.SMTP(self.host, port, timeout=self._timeout_s))
        )
        server = connect()
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user and self.password is not None:
                server.login(self.user, quantd.secret_text(self.password))
        except BaseException:
            server.close()
            raise
        return server

    def _fail(self, code: int, told: str) -> None:
        kind = quantd.Refused if 500 <= code < 600 else quantd.QuantdError
        raise kind(f"{self.host} {told}") from None

    def _shown(self, text: str) -> str:
        """Return a text of the server on one line, without the password."""
        secret = quantd.secret_text(self.password) if isinstance(self.password, str) and self.password else ""
        return " ".join((text.replace(secret, "***") if secret else text).split())[:200]


def _body(alert: quantd.Alert) -> str:
    """Return the text of an e-mail about an alert."""
    value = alert.value if isinstance(alert.value, str) else f"{alert.value:.6g}"
    rows = {
        "rule": alert.rule,
        "pair": alert.pair,
        "severity": alert.severity,
        **alert.labels,
        alert.metric: f"{value} (threshold {alert.threshold})",
        "since": quantd.iso(alert.since),
        "at": quantd.iso(alert.ts),
        "key": key_of(alert),
    }
    late = "This is told late.\n" if alert.late else ""
    return f"{alert.state}: {text_of(alert)}\n{late}\n" + "\n".join(f"{name}: {value}" for name, value in rows.items())


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("email", EmailSink)
