"""Reads the body of a response in bounded memory, whatever its compression and declared length."""

import zlib
from typing import TYPE_CHECKING

import quantd

if TYPE_CHECKING:
    from aiohttp import ClientResponse

LARGEST = 16 << 20
"""Largest size of an unpacked body in bytes: several times the longest valid one."""
ACCEPT = {"Accept-Encoding": "gzip"}
GZIP = 16 + zlib.MAX_WBITS


class BadBody(quantd.QuantdError):
    """The body is too large, damaged or compressed in an unknown way; the text says which."""


async def read_body(response: "ClientResponse", largest: int = LARGEST) -> bytes:
    """Return the unpacked body of a response that the session has not unpacked. Raises BadBody; errors of the connection pass through."""
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("gzip", "x-gzip", "identity", ""):
        raise BadBody(f"packed as {packing[:20]!r}, which was not asked for")
    unpacker = zlib.decompressobj(GZIP) if "gzip" in packing else None
    body = bytearray()
    async for chunk in response.content.iter_any():
        try:
            body += unpacker.decompress(chunk, largest + 1 - len(body)) if unpacker else chunk
        except zlib.error as error:
            raise BadBody(f"it cannot be unpacked ({error})") from None
        if len(body) > largest:
            raise BadBody(f"it is larger than {largest} bytes")
    if unpacker and body and not unpacker.eof:
        raise BadBody("it was cut short")
    return bytes(body)
