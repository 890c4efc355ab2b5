"""Bytes that are no good HTTP, or not quite, and what they are answered: a status, or 0 where the connection is closed without a word."""

from collections.abc import Iterator
from typing import NamedTuple

from .serving import request


class Shot(NamedTuple):
    """What is sent, and what may come; several where it depends on how far the bytes were read."""

    name: str
    data: bytes
    statuses: tuple[int, ...]


OK, BAD, LARGE, TOO_LARGE, INVALID, MISSING, METHOD = (200,), (400,), (431,), (413,), (422,), (404,), (405,)
ENCODED = (415,)
SILENT = (0,)
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))
HOST = b"Host: localhost\r\n"

LINES: dict[bytes, tuple[int, ...]] = {
    b"garbage": BAD,
    b"GET": BAD,
    b"GET /symbols": OK,
    b"GET  /symbols HTTP/1.1": OK,
    b"GET /symbols HTTP/1.1 extra": BAD,
    b"GET /symbols HTTP/9.9": BAD,
    b"GET /symbols HTTP/2.0": OK,
    b"GET /symbols HTTP/0.9": OK,
    b"GET /symbols HTTP/1": BAD,
    b"GET /symbols http/1.1": BAD,
    b"GET /symbols HTTP/1.1\x00": BAD,
    b"GET /symbols HTTX/1.1": BAD,
    b"get /symbols HTTP/1.1": BAD,
    b"G\x00T /symbols HTTP/1.1": BAD,
    b"G(T /symbols HTTP/1.1": BAD,
    b"BREW /symbols HTTP/1.1": BAD,
    b"PRI * HTTP/2.0": BAD,
    b"\xff\xfe /symbols HTTP/1.1": BAD,
    b" GET /symbols HTTP/1.1": BAD,
    b"\tGET /symbols HTTP/1.1": BAD,
    b"GET\t/symbols\tHTTP/1.1": BAD,
    b"GET symbols HTTP/1.1": BAD,
    b"GET * HTTP/1.1": BAD,
    b"GET ? HTTP/1.1": BAD,
    b"GET #x HTTP/1.1": BAD,
    b"GET http:// HTTP/1.1": BAD,
    b"GET http://[ HTTP/1.1": BAD,
    b"GET http://[::1 HTTP/1.1": BAD,
    b"GET http://[zz]/symbols HTTP/1.1": BAD,
    b"GET http://[zz]@/symbols HTTP/1.1": BAD,
    b"GET http://xn--.example/symbols HTTP/1.1": BAD,
    b"GET http://localhost:port/symbols HTTP/1.1": BAD,
    b"GET http://localhost:99999/symbols HTTP/1.1": BAD,
    b"GET http://evil.example/symbols HTTP/1.1": (421,),
    b"GET http://user@evil.example/symbols HTTP/1.1": BAD,
    b"GET http://localhost\\@evil.example/symbols HTTP/1.1": BAD,
    b"GET ftp://localhost/symbols HTTP/1.1": OK,
    b"GET http://localhost/symbols HTTP/1.1": OK,
    b"GET //evil.example/symbols HTTP/1.1": MISSING,
    b"GET //[/symbols HTTP/1.1": MISSING,
    b"GET /\x00 HTTP/1.1": BAD,
    b"GET /\x7f HTTP/1.1": BAD,
    b"GET /data/\xff HTTP/1.1": BAD,
    b"GET /data/\xc3\x28 HTTP/1.1": BAD,
    b"GET /data/\xe5\xb8\x81 HTTP/1.1": BAD,
    b"CONNECT evil.example:443 HTTP/1.1": (421,),
    b"CONNECT localhost:443 HTTP/1.1": MISSING,
    b"CONNECT [ HTTP/1.1": BAD,
    b"CONNECT xn--example:443 HTTP/1.1": BAD,
    b"CONNECT ": BAD,
    b"CONNECT \r\n#\n": BAD,
    b"CONNECT  HTTP/1.1": BAD,
    b"CONNECT /symbols HTTP/1.1": MISSING,
    b"OPTIONS * HTTP/1.1": MISSING,
    b"TRACE /symbols HTTP/1.1": METHOD,
    b"PROPFIND /symbols HTTP/1.1": METHOD,
    b"M-SEARCH /symbols HTTP/1.1": METHOD,
}
PATHS: dict[str, tuple[int, ...]] = {
    "/%": MISSING,
    "/%zz": MISSING,
    "/%00": MISSING,
    "/%ff": MISSING,
    "/data/%": BAD,
    "/data/%2": BAD,
    "/data/%zz": BAD,
    "/data/%00": BAD,
    "/data/%ff": BAD,
    "/data/%c3%28": BAD,
    "/data/%ed%a0%80": BAD,
    "/data/%0d%0aSet-Cookie:%20a=b": BAD,
    "/data/%2e%2e%2fetc%2fpasswd": BAD,
    "/data/../../etc/passwd": MISSING,
    "/data/BTCUSDT?tf=%": BAD,
    "/data/BTCUSDT?tf=%zz": BAD,
    "/data/BTCUSDT?tf=%00": BAD,
    "/data/BTCUSDT?tf=%ff": BAD,
    "/data/BTCUSDT?limit=%00": INVALID,
    "/data/BTCUSDT?limit=%ff": INVALID,
    "/data/BTCUSDT?limit=" + "9" * 5000: INVALID,
    "/data/BTCUSDT?from=%ed%a0%80": INVALID,
    "/data/BTCUSDT?from=%00": INVALID,
    "/data/BTCUSDT?&&&=&=&;": OK,
    "/data/BTCUSDT?" + "a&" * 1000: OK,
    "/analytics/pair?pair=%00-%00": BAD,
    "/analytics/pair?pair=%ff": MISSING,
    "/analytics/pair?pair=%f0%9f%92%a9-%f0%9f%92%a9": BAD,
    "/analytics/pair?window=%ff": INVALID,
    "/export?pair=%0d%0a-%0d%0a": BAD,
    "/export/ohlcv?symbol=%22%0d%0a": BAD,
    "/backtest?pair=%ff-%ff": BAD,
    "/alerts/%00": MISSING,
    "/alerts/%ff": MISSING,
    "/symbols#fragment": OK,
    "/symbols?" + "x" * 9000: LARGE,
    "/" + "x" * 9000: LARGE,
    "/" + "/" * 8000: MISSING,
}
HEADERS: dict[str, tuple[int, ...]] = {
    "Origin: http://[": BAD,
    "Origin: http://[::1": BAD,
    "Origin: http://]": BAD,
    "Origin: //[": BAD,
    "Origin: \xff": BAD,
    "Origin: null": OK,
    "Origin:": OK,
    "Origin: http://localhost:port": OK,
    "Origin: " + "x" * 9000: LARGE,
    "X: " + "x" * 9000: LARGE,
    "x" * 9000 + ": x": LARGE,
    "Cookie: " + ";".join(["a=b"] * 2000): OK,
    "Cookie: =;;\x80=\xff": OK,
    "\r\n".join(f"X-{number}: x" for number in range(200)): LARGE,
    "X: a\x00b": BAD,
    "X: a\x01b": BAD,
    "X\x00: a": BAD,
    "X Y: a": BAD,
    "X : a": BAD,
    ": a": BAD,
    "nocolon": BAD,
    " folded: a": BAD,
    "X: a\r\n folded": BAD,
    "X: a\rb": BAD,
    "X: a\nY: b": BAD,
    "Host: localhost": BAD,
    "Content-Length: 5": (0, 200, 408),
    "Content-Length: -1": BAD,
    "Content-Length: x": BAD,
    "Content-Length: 1e3": BAD,
    "Content-Length: 0x10": BAD,
    "Content-Length: +5": BAD,
    "Content-Length: " + "9" * 30: BAD,
    "Content-Length: 0\r\nContent-Length: 1": BAD,
    "Content-Length: 0\r\nTransfer-Encoding: chunked": BAD,
    "Transfer-Encoding: gzip": BAD,
    "Transfer-Encoding: chunked, gzip": BAD,
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked": BAD,
    "Transfer-Encoding: \x0bchunked": BAD,
    "Expect: 100-continue": OK,
    "Expect: 200-ok": (417,),
    "Expect: \xff": BAD,
    "Upgrade: h2c": OK,
    "Upgrade: \xff": BAD,
    "Range: bytes=9-1": OK,
    "If-Modified-Since: never": OK,
    "Accept: \xff": OK,
    "Accept-Encoding: \xff": OK,
    "Forwarded: for=\xff;;;": (401,),
    "Authorization: Basic \xff": OK,
    "Content-Type: \xff": OK,
    "Sec-WebSocket-Key1: x": BAD,
}
HOSTS: dict[str, tuple[int, ...]] = {
    "evil.example": (421,),
    "localhost.evil.example": (421,),
    "evil.example:8000": (421,),
    "127.0.0.1.evil.example": (421,),
    "2130706433": (421,),
    "127.1": (421,),
    "": BAD,
    ":": BAD,
    "[": BAD,
    "[::1": BAD,
    "[localhost]": BAD,
    "::1": BAD,
    "localhost:x": BAD,
    "localhost:999999": BAD,
    "localhost, evil.example": BAD,
    "user@localhost": BAD,
    "localhost/evil": BAD,
    "local host": BAD,
    "\xff": BAD,
    "a" * 300: BAD,
}
BODIES: dict[bytes, tuple[int, ...]] = {
    b"": INVALID,
    b"\x00": INVALID,
    b"\xff\xfe": INVALID,
    b"{": INVALID,
    b'{"symbols": ["\xff"]}': INVALID,
    b'{"symbols": ["\\ud800"]}': INVALID,
    b'{"symbols": ["\\u0000"]}': BAD,
    b'{"symbols": ' + b"[" * 50_000: INVALID,
    b'{"symbols": ' + b"9" * 50_000 + b"}": (400, 422),
    b'{"symbols": NaN}': BAD,
    b'{"symbols": 1e999}': BAD,
    b"null": INVALID,
    b"a=b&c=d": INVALID,
    b" " * 300_000: TOO_LARGE,
}
CHUNKS: dict[bytes, tuple[int, ...]] = {
    b"zz\r\n": BAD,
    b"-1\r\n": BAD,
    b"\r\n": BAD,
    b"5\r\nabc\r\n0\r\n\r\n": BAD,
    b"3\r\nabcdef\r\n0\r\n\r\n": BAD,
    b"3\nabc\n0\n\n": BAD,
    b"fffffffffffffffff\r\n": BAD,
    b"3;" + b"x" * 20_000 + b"\r\nabc\r\n0\r\n\r\n": (400, 422),
    b"2\r\n{}\r\n0\r\nX: \x00\r\n\r\n": (400, 422),
    b"2\r\n{}\r\n0\r\nnocolon\r\n\r\n": (400, 422),
    b"2\r\n{}\r\n0\r\n" + b"X: x\r\n" * 300 + b"\r\n": (422, 431),
    b"2\r\n{}\r\n0\r\n\r\n": INVALID,
    b"\x00\r\n": BAD,
}
ENCODINGS: dict[str, tuple[int, ...]] = {
    "gzip": ENCODED,
    "deflate": ENCODED,
    "br": ENCODED,
    "zstd": ENCODED,
    "GZIP": ENCODED,
    "gzip, gzip": ENCODED,
    "unheard-of": ENCODED,
    "\xff": ENCODED,
    "Identity": INVALID,
}
UPGRADES: dict[tuple[str, ...], tuple[int, ...]] = {
    ("Upgrade: websocket",): BAD,
    ("Upgrade: websocket", "Sec-WebSocket-Version: 1"): BAD,
    ("Upgrade: websocket", "Sec-WebSocket-Version: 13"): BAD,
    ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: short"): BAD,
    ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: \xff"): BAD,
    ("Upgrade: other", *UPGRADE[1:]): BAD,
    (*UPGRADE, "Origin: http://evil.example"): (403,),
    (*UPGRADE, "Origin: http://["): BAD,
    (*UPGRADE, "Origin: null"): (403,),
}
FRAMES = [b"\xff" * 64, b"\x83\x80\x00\x00\x00\x00", b"\x81\xff" + b"\xff" * 8, b"\xc1\x80\x00\x00\x00\x00"]
"""Of WebSocket: reserved bits, a reserved kind, of 2^64 bytes, compressed though nobody agreed to that."""
PREFLIGHT = ("Origin: http://localhost:8080", "Access-Control-Request-Method: POST")


def battery() -> Iterator[Shot]:
    """All of them."""
    yield Shot("TLS", TLS_HELLO, BAD)
    yield Shot("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", BAD)
    yield Shot("SMB", b"\x00\x00\x00\x85\xffSMB" + bytes(100), BAD)
    yield Shot("NULs", bytes(10_000), BAD)
    yield Shot("line ends", b"\r\n" * 10_000, SILENT)
    yield Shot("every byte", bytes(range(256)), BAD)
    yield Shot("no line end", b"A" * 100_000, BAD)
    yield Shot("without Host", b"GET /symbols HTTP/1.1\r\n\r\n", BAD)
    yield Shot("HTTP/1.0 without Host", b"GET /symbols HTTP/1.0\r\n\r\n", OK)
    yield Shot("bare line feeds", b"GET /symbols HTTP/1.1\nHost: localhost\n\n", BAD)
    yield Shot("bad after good", request().replace(b"close", b"keep-alive") + b"\x00\x01\x02\r\n\r\n", (200, 400))
    yield Shot("after close", request() + b"GET /", (200, 400))
    yield from (Shot(f"line {line!r}", line + b"\r\n" + HOST + b"Connection: close\r\n\r\n", then) for line, then in LINES.items())
    yield from (Shot(f"target {path[:40]}", request(path), then) for path, then in PATHS.items())
    yield from (Shot(f"header {header[:40]!r}", _latin("/symbols", header), then) for header, then in HEADERS.items())
    yield from (Shot(f"host {host[:40]!r}", _latin("/symbols", host=host), then) for host, then in HOSTS.items())
    yield from _bodies()
    yield from _upgrades()


def _bodies() -> Iterator[Shot]:
    for body, then in BODIES.items():
        yield Shot(f"body {body[:40]!r}", request("/stream/start", JSON, f"Content-Length: {len(body)}", method="POST", body=body), then)
    for body, then in CHUNKS.items():
        yield Shot(f"chunks {body[:40]!r}", request("/alerts", JSON, CHUNKED, method="POST", body=body), then)
        yield Shot(f"unread chunks {body[:40]!r}", request("/data/clear", CHUNKED, method="POST", body=body), (200, 400, 431))
        yield Shot(f"chunks of GET {body[:40]!r}", request("/symbols", CHUNKED, body=body), (200, 400, 431))
    for name, then in ENCODINGS.items():
        for body in (b"{no}", b"\x1f\x8b" + bytes(8)):
            headers = (f"Content-Encoding: {name}", f"Content-Length: {len(body)}")
            yield Shot(f"encoding {name!r} {body!r}", _latin("/alerts", *headers, method="POST") + body, then)
    yield Shot("half a body", request("/alerts", "Content-Length: 10", method="POST", body=b"{"), (408,))
    yield Shot("half a chunk", request("/alerts", CHUNKED, method="POST", body=b"5\r\nab"), (408,))


def _upgrades() -> Iterator[Shot]:
    for headers, then in UPGRADES.items():
        yield Shot(f"upgrade {headers}", _latin("/ws", *headers).replace(b"close", b"close, Upgrade"), then)
    hello = _latin("/ws", *UPGRADE).replace(b"close", b"close, Upgrade")
    yield from (Shot(f"frame {frame[:8]!r}", hello + frame, (101,)) for frame in FRAMES)
    yield Shot("upgrade by another host", hello.replace(b"localhost", b"evil.example"), (421,))
    yield Shot("upgrade elsewhere", hello.replace(b"/ws", b"/symbols"), OK)
    yield Shot("garbage after an upgrade elsewhere", hello.replace(b"/ws", b"/nowhere") + b"\x00\xff\r\n\r\n", MISSING)
    for asked, then in {"x-a, x-b": OK, "a\x80b": BAD, "a:b": BAD, "\xff": BAD, "x" * 8000: OK}.items():
        asks = _latin("/alerts", *PREFLIGHT, f"Access-Control-Request-Headers: {asked}", method="OPTIONS")
        yield Shot(f"preflight {asked[:20]!r}", asks, then)


def _latin(target: str, *headers: str, method: str = "GET", host: str = "localhost") -> bytes:
    """A request whose headers are not of ASCII."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")
