"""A WebSocket to the daemon that comes back: it holds topics, and asks for each again where it was cut."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

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
PING_S = 15.0
HELLO_S = 10.0
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
        self._asking: set[asyncio.Task[None]] = set()

    def has(self, topic: str) -> bool:
        """Return whether this connection has the topic already."""
        return topic in self._topics

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

    async def open(self, subscription: Subscription) -> None:
        """Open the connection, unless it is open, and ask for a topic that is held."""
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = self._loop.create_task(self._run(), name="quantd-client")
        elif subscription.is_cut:
            await self.ask(subscription)

    async def ask(self, subscription: Subscription) -> None:
        """Ask for a topic again. Without a connection, this waits for the next one."""
        if self._socket and self._topics.get(subscription.topic) is subscription:
            await self._send(self._socket, subscription.ask())

    async def leave(self, subscription: Subscription) -> None:
        """Give up a topic."""
        if self._topics.get(subscription.topic) is subscription:
            del self._topics[subscription.topic]
            if self._socket:
                await self._send(self._socket, frames.Unsubscribe(subscription.topic))

    def abandon(self, subscription: Subscription) -> None:
        """Give up a topic, from any thread."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.leave(subscription)))

    async def close(self) -> None:
        """Close the socket. Nothing comes any more."""
        for each in self._asking:
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
            why = await self._session()
            for each in self._topics.values():
                each.cut()
            if self.greeting is None and clock.time() >= deadline:
                raise Unreachable(f"{self._address.url} cannot be reached: {why}: is the daemon running?")
            wait = self._backoff.delay()
            _log.info("%s: %s; trying again in %.1f s", self._address.url, why, wait)
            await asyncio.sleep(wait)

    async def _session(self) -> str:
        """Hold one connection until it ends. Return why it ended. Raises ClientError if another one would not help."""
        try:
            async with self._open() as socket:
                await self._serve(socket)
        except InvalidStatus as error:
            refusal = of_status(error.response.status_code, _detail(error), self._address.url)
            if not isinstance(refusal, Unreachable | TooMany):
                raise refusal from None
            return str(refusal)
        except ConnectionClosed as error:
            if error.rcvd and (ending := of_close(error.rcvd.code, error.rcvd.reason, self._address.url)):
                raise ending from None
            return str(error)
        except (OSError, InvalidHandshake, TimeoutError, EOFError) as error:
            return str(error) or type(error).__name__
        return "closed"

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[ClientConnection]:
        opening = dial(
            self._address.socket,
            additional_headers=self._address.headers,
            max_size=LARGEST_MESSAGE,
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
            self.greeting = self._greeted(await socket.recv(decode=False))
        self._backoff.reset()
        self._socket = socket
        for each in list(self._topics.values()):
            if not each.dropped:
                await self._send(socket, each.ask())
        async for message in _messages(socket):
            await self._take(socket, frames.frame(message))

    def _greeted(self, message: bytes) -> Hello:
        """Return the first message. Raises ClientError if it is not what this client understands."""
        try:
            if frames.frame(message).type == "auth":
                raise Unauthorized(f"{self._address.url}: a token is needed: pass it as token= or in QUANTD_TOKEN")
            greeting = frames.hello(message)
        except msgspec.DecodeError as error:
            raise ClientError(f"{self._address.url} is no quantd: {error}") from None
        if greeting.version != VERSION:
            raise ClientError(f"{self._address.url} speaks version {greeting.version} of the protocol: update quantd here, or there")
        return greeting

    async def _take(self, socket: ClientConnection, frame: Frame) -> None:
        if frame.type == "auth" and frame.state == "expiring":
            _log.warning("%s: the token ends at %s: renew it", self._address.url, frame.until)
        for each in self._of(frame):
            if each.take(frame):
                await self._send(socket, each.ask())
            elif each.is_late:
                self._ask_later(each)

    def _ask_later(self, subscription: Subscription) -> None:
        """Ask again in a while for a topic that was refused for now."""
        asking = asyncio.get_running_loop().create_task(self._asked_later(subscription))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    async def _asked_later(self, subscription: Subscription) -> None:
        await asyncio.sleep(self._address.longest_wait_s / 5)
        if subscription.is_late:
            await self.ask(subscription)

    def _of(self, frame: Frame) -> list[Subscription]:
        """Return the topics that a frame is for: errors need not name one."""
        found = self._topics.get(frame.topic)
        return [found] if found else list(self._topics.values()) if frame.type == "error" else []

    async def _send(self, socket: ClientConnection, command: Command) -> None:
        with suppress(ConnectionClosed):  # the reader notices, too
            await socket.send(frames.encode(command), text=True)

    def _fail(self, error: ClientError) -> None:
        for each in self._topics.values():
            each.fail(error)


async def _messages(socket: ClientConnection) -> AsyncIterator[bytes]:
    while True:
        yield await socket.recv(decode=False)


def _detail(error: InvalidStatus) -> str:
    """Return what the daemon says in the body of a refusal."""
    try:
        return str(msgspec.json.decode(error.response.body or b"")["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"answers with {error.response.status_code}"
