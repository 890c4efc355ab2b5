"""WebSocket frames as a server writes them (RFC 6455, section 5.2): final, unmasked, uncompressed."""

import struct
from collections.abc import Iterable

TEXT, PING, PONG = 0x1, 0x9, 0xA


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame.

    >>> frame(TEXT, b"hi")
    b'\\x81\\x02hi'
    """
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 0x10000:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def text_frames(payloads: Iterable[bytes]) -> bytes:
    """Text frames back to back, ready for one write."""
    return b"".join([frame(TEXT, payload) for payload in payloads])


def combined(stream: str, payloads: Iterable[bytes]) -> list[bytes]:
    """The payloads in the envelope of a combined stream."""
    head = f'{{"stream":"{stream}","data":'.encode()
    return [head + payload + b"}" for payload in payloads]
