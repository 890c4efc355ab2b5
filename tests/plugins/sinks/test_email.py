"""E-mails, against aiosmtpd."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from msgspec.structs import replace

import quantd
from quantd.testing import fakes
from quantd_plugins.sinks.email import EmailSink
from tests.plugins.sinks.certificates import certificate

PASSWORD = "hush-hush"


class Post:
    """Takes e-mails, or answers `refusals` to recipients, and `data` to a letter."""

    def __init__(self, refusals: dict[str, str] | None = None, data: str = "250 OK") -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self._refusals, self._data = refusals or {}, data

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self._refusals:
            return self._refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.recipients.append(envelope.rcpt_tos)
        return self._data


@asynccontextmanager
async def served(post: Post, **options: Any) -> AsyncIterator[int]:
    """Run a server on a free port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(post, hostname="127.0.0.1", loop=loop, **options), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


def tls(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return context


def sink(port: int, **settings: Any) -> EmailSink:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "quantd@example.org",
        "to": ("me@example.org",),
        "security": "none",
    } | settings
    return EmailSink(**given)


def login(server: Any, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.login == b"me" and data.password == PASSWORD.encode(), handled=False)


async def test_a_letter_tells_all() -> None:
    post = Post()
    alert = replace(fakes.alert(), labels={"desk": "fx"}, late=True, text="BTCUSDT – dear", figure="<svg/>")
    async with served(post) as port:
        await sink(port, to=("a@example.org", "b@example.org"), figure=True).send(alert)
    (letter,) = post.letters
    assert post.recipients == [["a@example.org", "b@example.org"]]
    assert letter["Subject"] == "[warning] firing: BTCUSDT – dear"
    assert letter["X-Quantd-Key"] == "1/firing"
    body = letter.get_body().get_content().replace("\r", "")
    assert body.startswith("firing: BTCUSDT – dear\nThis is told late.\n")
    assert "desk: fx\n" in body
    assert [part.get_content_type() for part in letter.iter_attachments()] == ["image/svg+xml"]


async def test_each_attempt_has_the_same_id_and_a_firing_is_one_conversation() -> None:
    post = Post()
    fired, over = fakes.alert(), replace(fakes.alert(), state="resolved")
    async with served(post) as port:
        for alert in (fired, fired, over):
            await sink(port).send(alert)
    first, again, last = post.letters
    assert first["Message-ID"] == again["Message-ID"] != last["Message-ID"]
    assert first["References"] == last["References"]


async def test_alerts_that_belong_together_are_one_letter() -> None:
    post = Post()
    async with served(post) as port:
        await sink(port, subject="{pair}").send_many([fakes.alert(1), fakes.alert(2)])
    (letter,) = post.letters
    assert letter["Subject"] == "BTCUSDT-ETHUSDT (and 1 more)"
    assert letter["X-Quantd-Key"] == "1/firing 2/firing"


async def test_starttls_and_a_login(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    post = Post()
    async with served(post, tls_context=tls(files), authenticator=login, auth_required=True) as port:
        safe = {"security": "starttls", "ca": str(files[0]), "user": "me"}
        await sink(port, **safe, password={"file": str(tmp_path / "password")}).send(fakes.alert())
        with pytest.raises(quantd.QuantdError, match="refuses the login of me with 535") as error:
            await sink(port, **safe, password="wrong-one").send(fakes.alert())
        assert type(error.value) is quantd.QuantdError
        with pytest.raises(quantd.QuantdError, match="certificate verify failed"):
            await sink(port, **safe | {"ca": ""}, password=PASSWORD).send(fakes.alert())
    assert len(post.letters) == 1


async def test_a_server_without_starttls_gets_nothing() -> None:
    post = Post()
    async with served(post) as port:
        with pytest.raises(quantd.QuantdError, match="STARTTLS extension not supported"):
            await sink(port, security="starttls").send(fakes.alert())
    assert post.letters == []


@pytest.mark.parametrize(
    ("post", "raised", "told"),
    [
        (Post({"me@example.org": "550 no such"}), quantd.Refused, "refuses me@example.org"),
        (Post({"me@example.org": "450 come later"}), quantd.QuantdError, "refuses me@example.org"),
        (Post(data="554 spam"), quantd.Refused, "answered 554: spam"),
        (Post(data="451 busy"), quantd.QuantdError, "answered 451: busy"),
    ],
)
async def test_what_an_answer_means(post: Post, raised: type[Exception], told: str) -> None:
    async with served(post) as port:
        with pytest.raises(quantd.QuantdError, match=told) as error:
            await sink(port).send(fakes.alert())
    assert type(error.value) is raised


async def test_who_is_refused_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    post = Post({"gone@example.org": "550 no such"})
    async with served(post) as port:
        await sink(port, to=("gone@example.org", "me@example.org")).send(fakes.alert())
    assert post.recipients == [["me@example.org"]]
    assert "refuses gone@example.org with 550" in caplog.text


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"user": "me"}, "user and password belong together"),
        ({"host": "mail.example.org", "user": "me", "password": "x"}, "security: none would send the password unencrypted"),
        ({"subject": "{nothing}"}, r"subject: there is no \{nothing\}"),
        ({"timeout": "0s"}, "timeout: it must be more than 0"),
    ],
)
def test_mistakes(settings: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        sink(25, **settings)
