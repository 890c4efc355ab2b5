"""SIGTERM ends a daemon with many clients, none of which leaves by itself."""

import asyncio
import resource
from itertools import cycle, islice
from pathlib import Path

from tests.api.battery import UPGRADE
from tests.api.serving import answer_of, request
from tests.waiting import PATIENCE_S

from .conftest import Running, Start

CLIENTS = 200
KEPT = request("/live").replace(b"Connection: close\r\n", b"")
SOCKET = request("/ws", *UPGRADE).replace(b"Connection: close", b"Connection: Upgrade")
TYPED = SOCKET.replace(b"/ws", b"/api/v1/ws")
GREAT = request("/analytics/pair?pair=BTCUSDT-ETHUSDT&tf=1m&method=THEIL-SEN&window=300")
GOING_AWAY = b"\x88\x0e" + (1001).to_bytes(2, "big") + b"quantd stops"


async def kept_waiting(daemon: Running) -> list[tuple[bytes, bytes]]:
    """What clients sent, and heard until the end: sockets, idle ones, half a request, and questions that take long."""
    port = int(daemon.listen.rpartition(":")[2])
    wires = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CLIENTS)]
    sent = list(islice(cycle([SOCKET, TYPED, KEPT, KEPT[:-2], GREAT]), CLIENTS))
    for (_, writer), what in zip(wires, sent, strict=True):
        writer.write(what)
    for (reader, _), what in zip(wires, sent, strict=True):
        if what in (SOCKET, TYPED, KEPT):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    stopping = asyncio.create_task(asyncio.to_thread(daemon.stop))
    async with asyncio.timeout(PATIENCE_S):
        heard = await asyncio.gather(*(reader.read() for reader, _ in wires), return_exceptions=True)
    assert await stopping == 0, "what has not ended in time would end it with 1"
    return [(what, each if isinstance(each, bytes) else b"") for what, each in zip(sent, heard, strict=True)]


async def test_a_daemon_with_many_clients_ends(folder: Path, start: Start) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 2 * CLIENTS
    ends = await kept_waiting(start(folder))
    assert all(heard.endswith(GOING_AWAY) for what, heard in ends if what in (SOCKET, TYPED))
    assert {answer_of(heard).status for what, heard in ends if what == GREAT} <= {0, 200, 503}
