"""Reads the body of an answer, however it is packed and whatever it claims to be, in bounded memory."""

import zlib
from typing import TYPE_CHECKING

import quantd

if TYPE_CHECKING:
    from aiohttp import ClientResponse

LARGEST = 16 << 20
"""Bytes, unpacked: several times as much as the longest sound answer."""
ACCEPT = {"Accept-Encoding": "gzip"}
GZIP = 16 + zlib.MAX_WBITS


class BadBody(quantd.QuantdError):
    """It is too large, damaged or packed in an unknown way; the text says which."""


async def read_body(response: "ClientResponse", largest: int = LARGEST) -> bytes:
    """The body, unpacked, of a response that the session has left packed. Raises BadBody; what the connection raises passes through."""
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
