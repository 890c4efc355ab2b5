"""Splits WebSocket data into messages: it reads whole text frames itself, many at once, and leaves other frames to a Sans-I/O parser."""

from collections.abc import Iterator
from struct import Struct

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

from quantd.net.texts import MUCH, SHORT, TEXT, Texts, find_texts

LARGEST = 1 << 20
"""Largest size of a message in bytes; a longer one ends the connection."""
LONG, MASKED = 127, 0x80
"""Second byte of a frame: the payload's length if below SHORT; SHORT or LONG if the length is in the next two or eight bytes; MASKED or
more from a client only.
"""

_two_shorts = Struct(">HH").unpack_from
_long = Struct(">Q").unpack_from

Message = Texts | Frame
"""Successive texts; or a ping, a pong, a close, or a whole binary message."""


class FrameReader:
    """Reads all data that arrives once the parser, which allows LARGEST bytes, is OPEN without any extension. The caller sends the
    parser's output.
    """

    def __init__(self, parser: ClientProtocol) -> None:
        self._parser = parser
        self._rest = bytearray()
        """The beginning of a text frame, or of the head of any frame."""
        self._missing = 0
        """Number of bytes needed before the beginning is read again."""
        self._owed = 0
        """Number of missing bytes of the frame whose beginning the parser has."""
        self._parts: list[bytes] = []
        self._kind: Opcode | None = None
        """Type of the fragmented message being received."""

    def feed(self, data: bytes | bytearray) -> Iterator[Message]:
        """Yield the messages that are now complete, in order."""
        if self._rest:
            self._rest += data
            if self._parser.state is State.OPEN and len(data) < self._missing:
                self._missing -= len(data)
                return
            data, self._rest = self._rest, bytearray()
        if owed := min(self._owed, len(data)):
            self._owed -= owed
            yield from self._parse(bytes(data[:owed]))
            data = data[owed:]
        if len(data) >= MUCH and self._kind is None and self._parser.state is State.OPEN:
            data = data if isinstance(data, bytearray) else bytearray(data)
            if texts := find_texts(data):
                if sound := self._sound(texts):
                    yield sound
                data = data[len(texts.lines) :]
        yield from self._cut(bytes(data))

    def _cut(self, data: bytes) -> Iterator[Message]:
        at = 0
        while at < len(data):
            if self._parser.state is not State.OPEN:
                yield from self._parse(data[at:])
                return
            if self._kind is None:
                texts, at = _texts(data, at)
                if sound := self._sound(texts):
                    yield sound
            if at < len(data) and self._parser.state is State.OPEN:
                stop = _end(data, at)
                if self._keeps(data, at, stop):
                    return
                self._owed = max(0, stop - len(data))
                yield from self._parse(data[at:stop])
                at = min(stop, len(data))

    def end(self) -> None:
        """Tell the parser that no more data arrives; it is CLOSED then."""
        if self._rest:
            self._parser.receive_data(self._rest)
            self._rest = bytearray()
        self._parser.receive_eof()

    def _keeps(self, data: bytes, at: int, stop: int) -> bool:
        """Return whether the data from `at` on are kept until more arrive."""
        text = self._kind is None and data[at] == TEXT and stop - at <= LARGEST
        if stop >= 0 and (stop <= len(data) or not text):
            return False
        self._rest = bytearray(data[at:])
        self._missing = max(1, stop - len(data))
        return True

    def _parse(self, data: bytes) -> Iterator[Message]:
        self._parser.receive_data(data)
        for event in self._parser.events_received():
            if isinstance(event, Frame):
                yield from self._whole(event)

    def _whole(self, frame: Frame) -> Iterator[Message]:
        """Yield the message that this frame ends."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            yield frame
            return
        self._parts.append(bytes(frame.data))
        self._kind = self._kind or frame.opcode
        if frame.fin:
            message, kind = b"".join(self._parts), self._kind
            self._parts, self._kind = [], None
            if kind is Opcode.BINARY:
                yield Frame(kind, message)
            elif texts := self._sound(Texts.of([message])):
                yield texts

    def _sound(self, texts: Texts) -> Texts:
        """Return the texts before the first one that is not UTF-8, which ends the connection (RFC 6455, 8.1)."""
        if texts.isascii():
            return texts
        for number, text in enumerate(texts):
            try:
                text.decode()
            except UnicodeDecodeError as error:
                self._parser.fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")
                return texts[:number]
        return texts


def _texts(data: bytes, at: int) -> tuple[Texts, int]:
    """Return the whole texts from `at` on, and the start of the first frame that is incomplete or not a text."""
    texts: list[bytes] = []
    size = len(data)
    last = size - 4
    while at <= last:
        head, length = _two_shorts(data, at)
        if head == TEXT << 8 | SHORT:
            start = at + 4
        elif head >> 8 == TEXT and head & 0xFF < SHORT:
            start, length = at + 2, head & 0xFF
        elif head == TEXT << 8 | LONG and at + 10 <= size:
            start, (length,) = at + 10, _long(data, at + 2)
            if length > LARGEST:
                break
        else:
            break
        stop = start + length
        if stop > size:
            break
        texts.append(data[start:stop])
        at = stop
    return Texts.of(texts), at


def _end(data: bytes, at: int) -> int:
    """Return the end of the frame that begins at `at`; -1 if its head is incomplete, the end of the data if it is invalid."""
    size = len(data) - at
    length = data[at + 1] if size >= 2 else 0
    if length >= MASKED:
        return len(data)
    head = {SHORT: 4, LONG: 10}.get(length, 2)
    if size < head:
        return -1
    return at + head + (int.from_bytes(data[at + 2 : at + head]) if head > 2 else length)
