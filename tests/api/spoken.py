"""What is said over the sockets of a market that stands still: the examples of the AsyncAPI document.

`python -m tests.api.spoken` records them anew. The epoch, the version and the times of the log are made the same each time. Frames that
take a slow client or a token are made of their structs.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import BaseTestServer
from websockets.asyncio.client import ClientConnection, connect

from quantd.api.app import make_app
from quantd.api.asyncapi.examples import Example
from quantd.api.asyncapi.sockets import SOCKETS
from quantd.api.schema import frames, topics
from quantd.config.model import ApiSettings
from quantd.model import Ticker, Transition
from quantd.testing.services import FakeServices
from quantd.times import iso
from tests.waiting import PATIENCE_S

from .market import NOW, PAIR, book_bar, market, points, ticks
from .serving import ApiServer

FILE = Path(__file__).parents[2] / "quantd/api/asyncapi/examples.json"
EPOCH, OLDER = "9f3c51d07a2be846", "04d7e92b61f8a35c"
LEGACY, TYPED = "/ws", "/api/v1/ws"
TICKER = Ticker("BTCUSDT", NOW, 90_250.5, 89_000.0, 91_000.0, 88_500.0, 1_250.5, 1.405, 22_198.5, 1_859_564_788.5)
CHANGE = Transition(PAIR, "1m", NOW, "health", "healthy", "broken", {"health": "broken", "health_reasons": "cusum", "health_cusum": 15.25})
MADE = (
    (LEGACY, "frames that were dropped", frames.LaggedFrame(1204)),
    (LEGACY, "a token", topics.Authenticate(token="quantd_…")),
    (LEGACY, "a token was accepted", topics.Auth(state="accepted", until=iso(NOW + 86_400_000))),
    (LEGACY, "a token ends soon", topics.Auth(state="expiring", until=iso(NOW + 60_000))),
    (TYPED, "frames that were not sent", topics.Lagged(topic="trade:BTCUSDT", count=1204, missed=(8806, 10009))),
    (TYPED, "a token is needed", topics.Auth(state="needed", within_s=5.0)),
    (TYPED, "a token was accepted", topics.Auth(state="accepted", until=iso(NOW + 86_400_000))),
    (TYPED, "a token ends soon", topics.Auth(state="expiring", until=iso(NOW + 60_000))),
    (TYPED, "a token", topics.Authenticate(token="quantd_…", id=1)),
)


class Speaker:
    """A client that notes what is said."""

    def __init__(self, path: str, socket: ClientConnection) -> None:
        self.said: list[Example] = []
        self._path, self._socket = path, socket

    async def say(self, name: str, **words: Any) -> None:
        await self._socket.send(json.dumps(words))
        self.note(name, words)

    async def hear(self, name: str) -> dict[str, Any]:
        """The next frame, noted by a name."""
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), PATIENCE_S))
        self.note(name, settled(frame))
        return frame

    def note(self, name: str, message: dict[str, Any]) -> None:
        self.said.append(Example(name, self._path, struct_of(self._path, message), message))


def settled(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame without what differs each time."""
    same = {"epoch": EPOCH, "quantd": "0.1.0"}
    rows = [row | {"ts": iso(NOW)} for row in frame.get("rows", [])] if frame["type"] == "log" else frame.get("rows")
    return frame | {name: value for name, value in same.items() if name in frame} | ({} if rows is None else {"rows": rows})


def struct_of(path: str, message: dict[str, Any]) -> str:
    """The name of a message's struct, which the message has to be in full."""
    (socket,) = (each for each in SOCKETS if path in each.paths)
    kinds = socket.commands if "action" in message else socket.frames
    (struct,) = (each for each in kinds if each.__struct_config__.tag == message.get("action", message.get("type")))
    read = msgspec.json.decode(json.dumps(message), type=struct)
    if "type" in message:
        assert msgspec.json.decode(msgspec.json.encode(read)) == message, f"{struct.__name__} does not tell all of {message}"
    return struct.__name__


@asynccontextmanager
async def speaker(server: BaseTestServer, path: str) -> AsyncIterator[Speaker]:
    async with connect(str(server.make_url(path)).replace("http", "ws", 1)) as socket:
        yield Speaker(path, socket)


async def legacy(server: BaseTestServer, services: FakeServices) -> list[Example]:
    """What the frontend says and hears."""
    async with speaker(server, LEGACY) as client:
        await client.say("a symbol", action="subscribe", symbols=["btcusdt"])
        await client.hear("a symbol")
        services.market.push(ticks("BTCUSDT")[-1:])
        await client.hear("a trade")
        services.market.push_tickers([TICKER])
        await client.hear("a ticker")
        services.alerts.fire(services.alerts.fired()[:1])
        await client.hear("a rule of a request")
        services.events.publish("gaps", services.status.qualities[0].gaps)
        await client.hear("missing trades")
        services.events.publish("transitions", [CHANGE])
        await client.hear("a pair that broke")
        services.events.publish("books", [book_bar(0)])
        await client.hear("a bar of the book")
        await client.say("a symbol", action="unsubscribe", symbols=["btcusdt"])
        await client.hear("no longer a symbol")
        await client.say("a ping", action="ping")
        await client.hear("a pong")
    return client.said


async def snapshots(server: BaseTestServer) -> list[Example]:
    """What a client of the topics hears at first."""
    async with speaker(server, TYPED) as client:
        await client.hear("a daemon without tokens")
        for topic in ("trade:BTCUSDT", "bar:BTCUSDT:1m", f"pair:{PAIR}:1m", f"now:{PAIR}", "alert", "quality", "health", "book:BTCUSDT:1m"):
            await client.say(f"the topic {topic}", action="subscribe", topic=topic, id=1)
            await client.hear(f"the topic {topic}")
            await client.hear(f"the snapshot of {topic}")
    return [*client.said[:3], *(each for each in client.said[3:] if each.struct not in ("Subscribe", "Subscribed"))]


async def typed(server: BaseTestServer, services: FakeServices) -> list[Example]:
    """What a client of the topics says and hears."""
    async with speaker(server, TYPED) as client:
        await client.hear("hello")
        await client.say("trades", action="subscribe", topic="trade:ETHUSDT")
        for name in ("trades", "the last trade"):
            await client.hear(name)
        client.said.clear()
        services.market.push(ticks("ETHUSDT")[-2:])
        await client.hear("two trades")
        await client.say("what was missed of another daemon", action="subscribe", topic="alert", since={"epoch": OLDER, "seq": 17}, id="a")
        await client.hear("a hole of unknown length")
        await client.hear("the snapshot after a hole")
        await client.say("a topic that is none", action="subscribe", topic="bars:BTCUSDT", id=3)
        await client.hear("no such topic")
        await client.say("a topic", action="unsubscribe", topic="alert", id=4)
        await client.hear("no longer a topic")
        await client.say("a ping", action="ping", id=5)
        await client.hear("a pong")
    return client.said


async def log(server: BaseTestServer) -> list[Example]:
    """A line of the log."""
    async with speaker(server, TYPED) as client:
        await client.hear("hello")
        await client.say("the log", action="subscribe", topic="log")
        for name in ("the log", "no lines"):
            await client.hear(name)
        logging.getLogger("quantd.feed").warning("binance-futures is silent")
        await client.hear("a line of the log")
    return client.said[-1:]


async def spoken() -> list[Example]:
    """All examples."""
    services = market()
    services.analytics.points[PAIR, "1m"] = points()
    async with ApiServer(make_app(services, ApiSettings())) as server:
        said = [*await legacy(server, services), *await snapshots(server), *await typed(server, services), *await log(server)]
    made = [(path, name, json.loads(msgspec.json.encode(each))) for path, name, each in MADE]
    return said + [Example(name, path, struct_of(path, message), message) for path, name, message in made]


async def record() -> None:
    """Write the examples."""
    lines = [msgspec.json.encode(example).decode() for example in await spoken()]
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(record())
