"""Clients of `/api/v1/ws` on a real server. `websockets` is the independent client."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp.test_utils import BaseTestServer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.waiting import PATIENCE_S

Frame = dict[str, Any]


class Talker:
    """A client, and the hello that it got."""

    def __init__(self, socket: ClientConnection, hello: Frame) -> None:
        self.socket = socket
        self.hello = hello
        self.epoch: str = hello["epoch"]

    async def say(self, action: str, **words: Any) -> None:
        await self.socket.send(json.dumps({"action": action} | words))

    async def hear(self) -> Frame:
        """The next frame."""
        frame: Frame = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))
        return frame

    async def ask(self, action: str, **words: Any) -> Frame:
        """The next frame after a command."""
        await self.say(action, **words)
        return await self.hear()

    async def subscribe(self, topic: str, **words: Any) -> Frame:
        """The answer to a subscribe."""
        found = await self.ask("subscribe", topic=topic, **words)
        assert found["type"] == "subscribed", found
        return found

    async def begin(self, topic: str) -> Frame:
        """The snapshot of a topic."""
        await self.subscribe(topic)
        found = await self.hear()
        assert found["snapshot"], found
        return found

    async def to_the_end(self) -> None:
        """Read until the server closes."""
        with suppress(ConnectionClosed):
            while True:
                await self.hear()

    async def settled(self) -> list[Frame]:
        """What comes before the answer to a ping."""
        await self.say("ping", id="settled")
        found = []
        while (frame := await self.hear()) != {"type": "pong", "id": "settled"}:
            found.append(frame)
        return found


@asynccontextmanager
async def talker(server: BaseTestServer, **settings: Any) -> AsyncIterator[Talker]:
    """A client for the length of the block."""
    url = str(server.make_url("/api/v1/ws")).replace("http", "ws", 1)
    async with connect(url, **settings) as socket:
        yield Talker(socket, json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)))
