"""A WebSocket to the daemon that comes back: it holds topics, and asks for each again where it was cut."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from quantd.client import frames
from quantd.client.errors import ClientError, TooMany, Unauthorized, Unreachable, of_close, of_status
from quantd.client.frames import VERSION, Command, Frame, Hello
from quantd.client.subscription import Subscription
from quantd.net.backoff import Backoff

PATH = "/api/v1/ws"
LARGEST_MESSAGE = 64 * 2**20
MOST_TOPICS = 500
"""Topics of a connection: fewer than a daemon allows."""
PING_S = 15.0
HELLO_S = 10.0
STEADY_S = 10.0
"""Seconds after which a connection counts as a success: the next wait is short again."""
_log = logging.getLogger("quantd.client")


class Address(Struct, frozen=True):
    """Where the daemon is, and how to reach it."""

    url: str
    token: str | None = None
    patience_s: float = 10.0
    """How long a daemon that was never reached is waited for. One that was reached is waited for without an end."""
    shortest_wait_s: float = 0.1
    longest_wait_s: float = 5.0

    @property
    def socket(self) -> str:
        """The address of the socket."""
        return "ws" + self.url.removeprefix("http") + PATH

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def backoff(self) -> Backoff:
        """Return the waits between tries."""
        return Backoff(self.shortest_wait_s, self.longest_wait_s, random.Random())


class Connection:
    """One socket with any number of topics, each at most once."""

    def __init__(self, address: Address) -> None:
        self.greeting: Hello | None = None
        """What the daemon said at the last connect; None before the first."""
        self._address = address
        self._topics: dict[str, Subscription] = {}
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._backoff = address.backoff()
        self._tasks: set[asyncio.Task[None]] = set()
        """What is on its way to the daemon."""

    def has_room(self, topic: str) -> bool:
        """Return whether this connection can take up the topic: it does not have it already, nor too many others."""
        return topic not in self._topics and len(self._topics) < MOST_TOPICS

    @property
    def is_open(self) -> bool:
        """Return whether the daemon is connected."""
        return self._socket is not None

    @property
    def has_ended(self) -> bool:
        """Return whether it has ended for good."""
        return self._task is not None and self._task.done()

    def hold(self, subscription: Subscription) -> None:
        """Take up a topic, which is asked for when the connection is opened."""
        self._topics[subscription.topic] = subscription
        subscription.cut()

    def open(self, subscription: Subscription) -> None:
        """Open the connection, unless it is open, and ask for a topic that is held. A loop must run."""
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run(), name="quantd-client")
        elif subscription.is_cut:
            self.ask(subscription)

    def ask(self, subscription: Subscription) -> None:
        """Ask for a topic. Without a connection, the next one does."""
        if self._socket and self._topics.get(subscription.topic) is subscription:
            self._send(subscription.ask())

    def leave(self, subscription: Subscription) -> None:
        """Give up a topic."""
        if self._topics.get(subscription.topic) is subscription:
            del self._topics[subscription.topic]
            self._send(frames.Unsubscribe(subscription.topic))

    def abandon(self, subscription: Subscription) -> None:
        """Give up a topic, from any thread."""
        if self._loop is None:
            self.leave(subscription)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.leave, subscription)

    async def close(self) -> None:
        """Close the socket. Nothing comes any more."""
        for each in self._tasks:
            each.cancel()
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        """Connect and read, again and again."""
        try:
            await self._connect_for_ever()
        except ClientError as error:
            self._fail(error)
        except asyncio.CancelledError:
            self._fail(ClientError("the client is closed"))
            raise
        except Exception as error:
            _log.exception("the client's connection failed, which is a bug")
            self._fail(ClientError(f"{self._address.url}: {error!r}"))

    async def _connect_for_ever(self) -> None:
        clock = asyncio.get_running_loop()
        deadline = clock.time() + self._address.patience_s
        while True:
            began, why = clock.time(), await self._session()
            for each in self._topics.values():
                each.cut()
            if self.greeting is None and clock.time() >= deadline:
                raise why
            if clock.time() - began > STEADY_S:
                self._backoff.reset()
            wait = self._backoff.delay()
            _log.info("%s: %s; trying again in %.1f s", self._address.url, why, wait)
            await asyncio.sleep(wait)

    async def _session(self) -> ClientError:
        """Hold one connection until it ends. Return why it ended. Raises ClientError if another one would not help."""
        why: ClientError | None = None
        try:
            async with self._open() as socket:
                await self._serve(socket)
        except InvalidStatus as error:
            why = of_status(error.response.status_code, _detail(error), self._address.url)
        except ConnectionClosed as error:
            why = of_close(error.rcvd.code, error.rcvd.reason, self._address.url) if error.rcvd else None
            text = str(error)
        except (OSError, InvalidHandshake, TimeoutError, EOFError) as error:
            text = str(error) or type(error).__name__
        if why is None:
            return Unreachable(f"{self._address.url} cannot be reached: {text}: is the daemon running?")
        if isinstance(why, Unreachable | TooMany):
            return why
        raise why

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[ClientConnection]:
        opening = dial(
            self._address.socket,
            additional_headers=self._address.headers,
            max_size=LARGEST_MESSAGE,
            compression=None,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=1.0,
            proxy=None,
        )
        async with opening as socket:
            try:
                yield socket
            finally:
                self._socket = None

    async def _serve(self, socket: ClientConnection) -> None:
        async with asyncio.timeout(HELLO_S):
            while not (greeting := self._greeted(await socket.recv(decode=False))):
                pass
        self.greeting = greeting
        self._socket = socket
        for each in self._topics.values():
            if not each.dropped:
                self.ask(each)
        while True:
            self._take(frames.frame(await socket.recv(decode=False)))

    def _greeted(self, message: bytes) -> Hello | None:
        """Return the greeting; None if this is a message before it. Raises ClientError if it is not what this client understands."""
        try:
            first = frames.frame(message)
            if first.type == "auth" and first.state != "needed":
                return None
            if first.type == "auth":
                raise Unauthorized(f"{self._address.url}: a token is needed")
            greeting = frames.hello(message)
        except msgspec.DecodeError as error:
            raise ClientError(f"{self._address.url} is no quantd: {error}") from None
        if greeting.version != VERSION:
            raise ClientError(f"{self._address.url} speaks version {greeting.version} of the protocol: update quantd here, or there")
        return greeting

    def _take(self, frame: Frame) -> None:
        if frame.type == "auth" and frame.state == "expiring":
            _log.warning("%s: the token ends at %s: renew it", self._address.url, frame.until)
        for each in self._of(frame):
            if each.take(frame):
                self.ask(each)
            elif each.is_late:
                self._do(self._ask_later(each))

    async def _ask_later(self, subscription: Subscription) -> None:
        """Ask again in a while for a topic that was refused for now."""
        await asyncio.sleep(self._address.longest_wait_s / 5)
        if subscription.is_late:
            self.ask(subscription)

    def _of(self, frame: Frame) -> list[Subscription]:
        """Return the topics that a frame is for: errors need not name one."""
        found = self._topics.get(frame.topic)
        return [found] if found else list(self._topics.values()) if frame.type == "error" else []

    def _send(self, command: Command) -> None:
        """Send a command, unless there is no connection. The caller does not wait, and may be cancelled."""
        if self._socket:
            self._do(_sent(self._socket, command))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fail(self, error: ClientError) -> None:
        for each in self._topics.values():
            each.fail(error)


async def _sent(socket: ClientConnection, command: Command) -> None:
    with suppress(ConnectionClosed):  # the reader notices, too
        await socket.send(frames.encode(command), text=True)


def _detail(error: InvalidStatus) -> str:
    """Return what the daemon says in the body of a refusal."""
    try:
        return str(msgspec.json.decode(error.response.body or b"")["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"answers with {error.response.status_code}"
