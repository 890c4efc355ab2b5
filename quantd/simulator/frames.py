"""WebSocket frames as a server writes them (RFC 6455, section 5.2): unmasked, uncompressed, and final unless told otherwise."""

import struct
from collections.abc import Iterable

CONTINUATION, TEXT, BINARY, PING, PONG = 0x0, 0x1, 0x2, 0x9, 0xA
FINAL = 0x80


def frame(opcode: int, payload: bytes, flags: int = FINAL) -> bytes:
    """Return one whole frame. `flags` are the upper four bits of its first byte.

    >>> frame(TEXT, b"hi")
    b'\\x81\\x02hi'
    """
    size = len(payload)
    if size < 126:
        return bytes((flags | opcode, size)) + payload
    if size < 0x10000:
        return struct.pack("!BBH", flags | opcode, 126, size) + payload
    return struct.pack("!BBQ", flags | opcode, 127, size) + payload


def text_frames(payloads: Iterable[bytes]) -> bytes:
    """Return consecutive text frames, ready for one write."""
    return b"".join([frame(TEXT, payload) for payload in payloads])


def combined(stream: str, payloads: Iterable[bytes]) -> list[bytes]:
    """Return the payloads in the envelope of a combined stream."""
    head = f'{{"stream":"{stream}","data":'.encode()
    return [head + payload + b"}" for payload in payloads]
