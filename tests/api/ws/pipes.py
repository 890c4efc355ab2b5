"""Transports that a test reads when it likes, and topics of numbers."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from quantd.api.schema.topics import LogLines
from quantd.api.ws.v1.topic import AS_THEY_COME, Kind, Stop, Topic
from quantd.services.bundle import Services


class Pipe:
    """A transport that keeps what is written until the test reads it, a number of bytes or all."""

    def __init__(self) -> None:
        self.unsent = b""
        self.writes: list[bytes] = []
        self.closing = False
        self._read = b""

    def write(self, data: bytes) -> None:
        self.unsent += data
        self.writes.append(data)

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def is_closing(self) -> bool:
        return self.closing

    def read(self, size: int | None = None) -> list[dict[str, Any]]:
        """The frames that are complete after this many bytes more."""
        self._read, self.unsent = self._read + self.unsent[:size], b"" if size is None else self.unsent[size:]
        found = []
        while (end := self._end()) and end[1] <= len(self._read):
            found.append(msgspec.json.decode(self._read[slice(*end)]))
            self._read = self._read[end[1] :]
        return found

    def _end(self) -> tuple[int, int] | None:
        """Where the payload of the first frame begins and ends."""
        if len(self._read) < 10 and not (len(self._read) > 1 and self._read[1] < 126):
            return None
        assert self._read[0] == 0x81
        short = self._read[1]
        head = {126: 4, 127: 10}.get(short, 2)
        return head, head + (short if head == 2 else int.from_bytes(self._read[2:head], "big"))


class Number(Struct):
    """An item of a topic: its number counts those of the topic."""

    symbol: str
    number: int | str


class Numbers:
    """Topics of numbers. The rows of a frame are the numbers themselves."""

    def __init__(self, conflated: Collection[str] = ()) -> None:
        self.published: dict[str, int] = {}
        """The last number by topic."""
        self.listening = 0
        self._conflated = conflated
        self._puts: list[Callable[[Sequence[Number]], None]] = []
        self._kinds = {each: self._kind(conflated=each) for each in (False, True)}

    def topic(self, name: str) -> Topic:
        return Topic(self._kinds[name in self._conflated], (name,))

    def publish(self, name: str, count: int = 1) -> None:
        """Publish the next numbers."""
        first = self.published.get(name, 0) + 1
        self.published[name] = first + count - 1
        self.put(*(Number(name, number) for number in range(first, first + count)))

    def put(self, *items: Number) -> None:
        """Publish these items."""
        for put in list(self._puts):
            put(items)

    def _kind(self, *, conflated: bool) -> Kind:
        return Kind(
            "state" if conflated else "plain",
            ("symbol",),
            self._source,
            LogLines,
            lambda item: item.number,
            self._now,
            conflated=AS_THEY_COME if conflated else None,
        )

    def _now(self, services: Services, values: tuple[str, ...]) -> Sequence[Number]:
        return [Number(values[0], self.published.get(values[0], 0))]

    def _source(self, services: Services, put: Callable[[Sequence[Any]], None], names: Collection[str]) -> Stop:
        self._puts.append(put)
        self.listening += 1

        def stop() -> None:
            self._puts.remove(put)
            self.listening -= 1

        return stop
