"""One socket of `/api/v1/ws`: its commands and its lifetime."""

import asyncio
from contextlib import suppress

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from quantd.api.access.visits import Visit
from quantd.api.schema import topics as frames
from quantd.api.schema.wire import encode
from quantd.api.ws.fanout import text_frame
from quantd.api.ws.pace import Pace
from quantd.api.ws.v1 import catalogue
from quantd.api.ws.v1.board import BadSince, Board
from quantd.api.ws.v1.client import Client
from quantd.api.ws.v1.commands import command
from quantd.api.ws.v1.topic import Topic
from quantd.services.bundle import Services

GOODBYE_S = 2.0
"""Seconds that a client has to answer a close frame."""


class Refused(Exception):
    """A command is not carried out."""

    def __init__(self, code: frames.Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Socket:
    """One client, which has been admitted."""

    def __init__(
        self,
        services: Services,
        board: Board,
        visit: Visit,
        response: web.WebSocketResponse,
        transport: asyncio.WriteTransport,
        pace: Pace,
    ) -> None:
        self._services = services
        self._board = board
        self._visit = visit
        self._response = response
        self._transport = transport
        self._client = Client(transport, board.limits, self._expel)
        self._pace = pace
        self._over = False
        self._expelling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the client until either side closes."""
        try:
            with self._visit.of(self), suppress(ConnectionError):
                async for message in self._response:
                    await asyncio.sleep(0)  # commands that came together hold up nobody
                    if message.type in (WSMsgType.TEXT, WSMsgType.BINARY) and not self._over:
                        await self._obey(message.data)
        finally:
            await self.close(WSCloseCode.OK)
            if self._expelling:
                await self._expelling

    def tell(self, frame: msgspec.Struct) -> None:
        """Send a frame, whatever waits to be sent."""
        self._client.send(text_frame(encode(frame)))

    async def close(self, code: int, why: str = "") -> None:
        """Close the socket. It leaves the board first, because nothing may be sent after the close frame."""
        self._leave()
        await self._response.close(code=code, message=why.encode(), drain=False)

    async def _reply(self, *told: msgspec.Struct) -> None:
        """Send frames at once, then wait for a client that asks faster than it reads."""
        *first, last = map(encode, told)
        self._client.send(b"".join(map(text_frame, first)))
        await self._response.send_frame(last, WSMsgType.TEXT)

    def _leave(self) -> None:
        self._over = True
        self._board.leave(self._client)

    def _expel(self) -> None:
        self._leave()
        self._expelling = asyncio.create_task(self._expelled())

    async def _expelled(self) -> None:
        """Close the socket and abort its connection. Otherwise unread bytes would be kept for as long as the client keeps the
        connection."""
        await self.close(WSCloseCode.TRY_AGAIN_LATER, "too slow")
        asyncio.get_running_loop().call_later(GOODBYE_S, self._transport.abort)

    async def _obey(self, text: str | bytes) -> None:
        asked = command(text)
        if lacks := self._pace.lacks():
            text = f"Too many commands: this one was not carried out; send it again in {lacks:.1f} s"
            await self._reply(frames.Error(code="too_fast", text=text, id=asked.id))
            await asyncio.sleep(lacks)  # further commands wait in the client's buffers
            return
        try:
            await self._carry_out(asked)
        except Refused as error:
            topic = asked.topic if isinstance(asked, (frames.Subscribe, frames.Unsubscribe)) else None
            await self._reply(frames.Error(code=error.code, text=error.text, topic=topic, id=asked.id))

    async def _carry_out(self, asked: frames.Commands | frames.Error) -> None:
        match asked:
            case frames.Subscribe():
                await self._subscribe(asked)
            case frames.Unsubscribe():
                await self._unsubscribe(asked)
            case frames.Ping():
                await self._reply(frames.Pong(id=asked.id))
            case frames.Authenticate():
                self._visit.renew(asked.token)
                await self._end_forbidden()
            case frames.Error():
                await self._reply(asked)

    async def _subscribe(self, asked: frames.Subscribe) -> None:
        topic = self._found(asked.topic)
        if refused := self._forbidden(topic):
            raise refused
        most = self._pace.subscriptions
        if topic.text not in self._client.topics and len(self._client.topics) >= most:
            raise Refused("too_many_subscriptions", f"A socket may have {most} topics: unsubscribe from one, or open another socket")
        try:
            start = self._board.subscribe(self._client, topic, asked.since)
        except BadSince as error:
            raise Refused("bad_since", f"{error}: subscribe without since, or with what a frame of this topic had") from None
        answer: list[msgspec.Struct] = [
            frames.Subscribed(
                topic=topic.text,
                id=asked.id,
                epoch=self._board.epoch,
                seq=start.seq,
                recovered=start.recovered,
                missed=start.missed,
            )
        ]
        if start.snapshot:
            answer.append(self._snapshot(topic, start.seq))
        await self._reply(*answer)

    def _forbidden(self, topic: Topic) -> Refused | None:
        """Return why the caller may not have a topic; None if it may."""
        if topic.kind.scope in self._visit.caller.scopes:
            return None
        return Refused("forbidden", f"{topic.text} needs the scope {topic.kind.scope}")

    async def _end_forbidden(self) -> None:
        """End the topics for which another token is needed than the caller has now."""
        for name, log in list(self._client.topics.items()):
            if refused := self._forbidden(log.topic):
                self._board.unsubscribe(self._client, name)
                await self._reply(frames.Error(code=refused.code, text=refused.text, topic=name))

    async def _unsubscribe(self, asked: frames.Unsubscribe) -> None:
        given = asked.topic.strip()
        topic = given if given in self._client.topics else self._found(given).text
        self._board.unsubscribe(self._client, topic)
        await self._reply(frames.Unsubscribed(topic=topic, id=asked.id))

    def _found(self, text: str) -> Topic:
        try:
            return catalogue.find(text, self._services)
        except catalogue.UnknownTopic as error:
            raise Refused("unknown_topic", str(error)) from None

    def _snapshot(self, topic: Topic, seq: int) -> frames.Data:
        kind = topic.kind
        rows = [row for item in kind.now(self._services, topic.values) if (row := kind.row(item)) is not None]
        return kind.frame(topic=topic.text, seq=seq, snapshot=True, rows=rows)
