"""Files for the replay feed to read, and everything that comes out of them."""

import asyncio
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import quantd
from quantd_plugins.feeds.replay import Replay

T = 1_723_161_256_322
"""Some moment on 2024-08-08, ms."""


def replay(*files: Path, symbols: Iterable[str] = (), chunk: int = 1000) -> list[Any]:
    """Everything that comes out of the files."""

    async def drain() -> list[Any]:
        feed = Replay(files=tuple(map(str, files)), chunk=chunk)
        return [event async for batch in feed.stream(quantd.Subscription(tuple(symbols))) for event in batch]

    return asyncio.run(drain())


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def frame(
    number: int, event: str = "aggTrade", symbol: str = "BTCUSDT", ts: int = T, price: str = "61800.30", qty: str = "0.1"
) -> dict[str, Any]:
    of = "a" if event == "aggTrade" else "t"
    return {"e": event, "E": ts + 1, "T": ts, "s": symbol, of: number, "p": price, "q": qty, "m": True, "st": 2}


def captured(recv: int, payload: dict[str, Any], *, stream: str | None = "btcusdt@aggTrade") -> str:
    """A capture's line; `recv` in ms."""
    return f"{recv * 1_000_000 + 999_999} {json.dumps({'stream': stream, 'data': payload} if stream else payload, separators=(',', ':'))}"


def collected(ts: object, *, symbol: str = "btcusdt", price: object = 61800.3, **size: object) -> str:
    return json.dumps({"symbol": symbol, "ts": ts, "price": price, "side": "buy"} | (size or {"size": 0.5}))


def zipped(path: Path, **members: bytes) -> Path:
    """A zip file of these members, each of which gets `.csv` to its name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.csv", member)
    return path
