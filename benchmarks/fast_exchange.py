"""An exchange that sends trades faster than any client reads them: frames are built beforehand, and only ids and times are filled in.

    python benchmarks/fast_exchange.py <port> <seconds>:<trades a second, 0 for as many as are read> ...

The phases follow each other from the first subscription on. The ids of each symbol are contiguous over all phases. Trades that a phase
could not send in its time, because the reader did not read, are not sent later. `E` is the time of sending, `T` is TRAVEL_MS earlier. A
line of JSON for each phase shows when it began and ended (s since 1970), how many trades were due and how many were written. There is no
past: REST returns empty results.
"""

import json
import select
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from itertools import cycle
from threading import Thread

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

COINS = (
    "BTC",
    "ETH",
    "SOL",
    "XRP",
    "BNB",
    "ADA",
    "LTC",
    "DOT",
    "TRX",
    "BCH",
    "ETC",
    "XLM",
    "UNI",
    "FIL",
    "APT",
    "ARB",
    "INJ",
    "SUI",
    "TIA",
    "SEI",
)
SYMBOLS = tuple(f"{coin}USDT" for coin in COINS)
TRAVEL_MS = 5
ROUNDS = 50
"""Number of trades of each symbol in a block."""
BLOCKS = 16
TURN_S = 0.001
FIRST_ID = 1_000_000_000
FRAME = (
    '{"stream":"%s@aggTrade","data":{"e":"aggTrade","E":EEEEEEEEEEEEE,"s":"%s","a":AAAAAAAAAA,"p":"%.*f","q":"%.3f","nq":"%.3f",'
    '"f":AAAAAAAAAA,"l":AAAAAAAAAA,"T":TTTTTTTTTTTTT,"m":%s,"st":1}}'
)
HANDSHAKE = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Block:
    """ROUNDS trades of every symbol as WebSocket frames, with the positions of their ids and times."""

    def __init__(self, rng: np.random.Generator, prices: NDArray[np.float64]) -> None:
        parts, self._ends, size = [], [0], 0
        for _ in range(ROUNDS):
            prices *= 1 + rng.normal(0, 2e-5, len(SYMBOLS))
            for symbol, price in zip(SYMBOLS, prices, strict=True):
                part = _framed(_payload(rng, symbol, price), TEXT)
                parts.append(part)
                size += len(part)
            self._ends.append(size)
        self._bytes = np.frombuffer(bytearray(b"".join(parts)), np.uint8)
        self._sent, self._traded = (_runs(self._bytes, letter, 13) for letter in b"ET")
        self._ids = _runs(self._bytes, ord("A"), 10).reshape(ROUNDS, -1, 10)

    def stamped(self, first_id: int, now: int, rounds: int) -> memoryview:
        """Return the first `rounds` rounds, with ids from `first_id` on, sent at `now` (ms)."""
        self._bytes[self._sent] = _digits(np.array([now]), 13)
        self._bytes[self._traded] = _digits(np.array([now - TRAVEL_MS]), 13)
        self._bytes[self._ids[:rounds]] = _digits(np.arange(first_id, first_id + rounds), 10)[:, None, :]
        return self._bytes.data[: self._ends[rounds]]


def _payload(rng: np.random.Generator, symbol: str, price: float) -> bytes:
    size, decimals = 0.001 + rng.exponential(1.0), 2 if price > 100 else 4
    maker = "true" if rng.random() < 0.5 else "false"
    return (FRAME % (symbol.lower(), symbol, decimals, price, size, size, maker)).encode()


def _framed(payload: bytes, kind: int) -> bytes:
    """Return an unmasked frame of up to 65,535 bytes (RFC 6455, section 5.2)."""
    head = bytes([0x80 | kind])
    return head + (bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")) + payload


def _runs(data: NDArray[np.uint8], letter: int, length: int) -> NDArray[np.intp]:
    """Return the positions of each run of `length` equal letters, one row per run."""
    same = np.lib.stride_tricks.sliding_window_view(data, length) == letter
    return np.flatnonzero(same.all(axis=1))[:, None] + np.arange(length)


def _digits(numbers: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    return (numbers[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + ord("0")).astype(np.uint8)


class Phase(Struct):
    seconds: float
    rate: int
    began: float = 0.0
    ended: float = 0.0
    due: int = 0
    written: int = 0


class FastExchange:
    """Sends the trades of all symbols in turn, to one reader at a time."""

    def __init__(self, phases: list[Phase]) -> None:
        rng, prices = np.random.default_rng(7), np.geomspace(60_000, 0.3, len(SYMBOLS))
        self._blocks = cycle([Block(rng, prices) for _ in range(BLOCKS)])
        self._phases = phases
        self._next_id = FIRST_ID

    def run(self, reader: "Reader") -> None:
        """Send phase after phase. Raises OSError when the reader has disconnected."""
        for phase in self._phases:
            phase.began = time.time()
            self._send(phase, reader)
            phase.ended = time.time()
            phase.due = int(phase.rate * phase.seconds) or phase.written
            print(json.dumps({name: getattr(phase, name) for name in Phase.__struct_fields__}), flush=True)

    def _send(self, phase: Phase, reader: "Reader") -> None:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < phase.seconds:
            due = int(passed * phase.rate - phase.written) // len(SYMBOLS) if phase.rate else ROUNDS
            if due > 0:
                rounds = min(due, ROUNDS)
                reader.send(next(self._blocks).stamped(self._next_id, time.time_ns() // 1_000_000, rounds))
                self._next_id += rounds
                phase.written += rounds * len(SYMBOLS)
            reader.hear(0 if due > 0 else TURN_S)


class Reader:
    """The client's end of a WebSocket."""

    def __init__(self, sock: socket.socket, rest: bytes) -> None:
        self._sock = sock
        self._unread = rest
        self.asked = False

    def send(self, data: bytes | memoryview) -> None:
        self._sock.sendall(data)

    def hear(self, seconds: float) -> None:
        """Answer messages for some seconds: requests with a confirmation, pings with pongs."""
        if select.select([self._sock], [], [], seconds)[0]:
            data = self._sock.recv(1 << 16)
            if not data:
                raise ConnectionResetError("the reader is gone")
            self._unread += data
        for kind, payload in self._frames():
            if kind == TEXT:
                self.asked = True
                self.send(_framed(json.dumps({"result": None, "id": json.loads(payload)["id"]}).encode(), TEXT))
            elif kind in (PING, CLOSE):
                self.send(_framed(payload, PONG if kind == PING else CLOSE))

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield whole frames, unmasked. Requests are shorter than 64 KiB."""
        while len(self._unread) >= 6:
            length, at = self._unread[1] & 0x7F, 2
            if length == 126:
                length, at = int.from_bytes(self._unread[2:4], "big"), 4
            end = at + 4 + length
            if len(self._unread) < end:
                return
            frame, self._unread = self._unread[:end], self._unread[end:]
            mask = frame[at : at + 4]
            yield frame[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(frame[at + 4 :]))


def answer(sock: socket.socket, exchange: FastExchange) -> None:
    """Serve one connection until the client disconnects."""
    data = b""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        while b"\r\n\r\n" in data or (more := sock.recv(1 << 16)):
            data += more if b"\r\n\r\n" not in data else b""
            head, ended, rest = data.partition(b"\r\n\r\n")
            if not ended:
                continue
            request, *lines = head.decode().split("\r\n")
            path = request.split()[1]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if "sec-websocket-key" in headers:
                _stream(sock, rest, headers["sec-websocket-key"], "streams=" in path, exchange)
                return
            sock.sendall(_rest(path))
            data = rest


def _stream(sock: socket.socket, rest: bytes, key: str, asked: bool, exchange: FastExchange) -> None:
    sock.sendall((HANDSHAKE % b64encode(sha1((key + GUID).encode()).digest()).decode()).encode())
    reader = Reader(sock, rest)
    try:
        while not (asked or reader.asked):
            reader.hear(1.0)
        exchange.run(reader)
        while True:
            reader.hear(1.0)
    except OSError:
        pass  # the reader has disconnected


def _rest(path: str) -> bytes:
    listing = [{"symbol": name, "status": "TRADING"} for name in SYMBOLS]
    answers = {"/fapi/v1/time": {"serverTime": time.time_ns() // 1_000_000}, "/fapi/v1/exchangeInfo": {"symbols": listing}}
    body = json.dumps(answers.get(path.partition("?")[0], [])).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def main() -> None:
    phases = [Phase(float(seconds), int(rate)) for seconds, _, rate in (text.partition(":") for text in sys.argv[2:])]
    exchange = FastExchange(phases)
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
        print("ready", flush=True)
        while True:
            Thread(target=answer, args=(server.accept()[0], exchange), daemon=True).start()


if __name__ == "__main__":
    main()
