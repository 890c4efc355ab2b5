"""The cost of one more WebSocket client at each flush, without the kernel.

    python benchmarks/fanout.py [--quick] [--clients 2000] [--rounds 41]

Trades of 6, 100 and 500 symbols are published, one of each, and the fan-out sends them to clients whose transports only count. `all` are
clients that want every symbol, `shared` clients that name the same half of them, `own` clients that name three each, hardly two of them
the same. A flush for one client is measured, too; its cost is subtracted, since it encodes the frames: those of `own` also pay for the
frames that this client does not want. The peer selects and joins a client
at a time: a dict of the chunks that it wants, and a join. The figures are CPU microseconds a client and flush, as the median and the
maximum of the rounds. Python collects garbage between rounds, not in them.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable, Sequence

sys.path.append(sys.path.pop(0))  # last: in this folder the library's `statistics` would be a file of ours

import statistics

from goals import row

from quantd.api.schema.frames import trade_frame
from quantd.api.ws.fanout import Chunk, Client, Fanout, Key, Limits, text_frame
from quantd.flow.hub import Hub
from quantd.model import Tick
from quantd.testing import fakes

GOAL_US = 0.3
LIMITS = Limits(flush=0.0)
Wishes = Callable[[int, Sequence[str]], Sequence[str] | None]
"""Takes the number of a client and all symbols. Returns the symbols that it names; None for all."""
WISHES: dict[str, Wishes] = {
    "all": lambda number, symbols: None,
    "shared": lambda number, symbols: symbols[::2],
    "own": lambda number, symbols: [symbols[(number * step) % len(symbols)] for step in (7, 11, 13)],
}


class Counter:
    """A transport that counts writes."""

    def __init__(self) -> None:
        self.writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


class Served:
    """A fan-out with clients."""

    def __init__(self, clients: int, symbols: Sequence[str], wishes: Wishes) -> None:
        self.hub = Hub()
        fanout = Fanout(self.hub, LIMITS)
        for number in range(clients):
            client = Client(Counter(), LIMITS, lambda: None)
            wanted = wishes(number, symbols)
            if wanted is not None:
                fanout.want(client, wanted)
            fanout.join(client)

    async def flush(self, ticks: Sequence[Tick]) -> float:
        """Publish trades and let the fan-out send them. Return the CPU seconds of that."""
        done = asyncio.Event()
        gc.collect()
        gc.disable()
        began = time.process_time()
        self.hub.publish("ticks", ticks)
        asyncio.get_running_loop().call_later(0.0, done.set)
        await done.wait()
        spent = time.process_time() - began
        gc.enable()
        return spent


class Peer:
    """Clients of which each selects and joins its own share."""

    def __init__(self, clients: int, symbols: Sequence[str], wishes: Wishes) -> None:
        wanted = [wishes(number, symbols) for number in range(clients)]
        self._clients = [(Counter(), None if each is None else set(each)) for each in wanted]

    async def flush(self, ticks: Sequence[Tick]) -> float:
        began = time.process_time()
        chunks: dict[Key, Chunk] = {}
        for tick in ticks:
            frame = text_frame(trade_frame(tick) or b"")
            chunks["trade", tick.symbol] = Chunk(frame, frame, 1)
        for transport, wanted in self._clients:
            mine = {key: chunk for key, chunk in chunks.items() if wanted is None or key[1] in wanted}
            if mine:
                transport.write(b"".join([chunk.data for chunk in mine.values()]))
        return time.process_time() - began


async def costs(kind: type[Served | Peer], clients: int, symbols: Sequence[str], wishes: Wishes, rounds: int) -> list[float]:
    """Return the cost (µs) of one more client, by round."""
    ticks = [tick for symbol in symbols for tick in fakes.ticks(1, symbol=symbol)]
    many, one = kind(clients, symbols, wishes), kind(1, symbols, wishes)
    await many.flush(ticks)
    flushes = [(await one.flush(ticks), await many.flush(ticks)) for _ in range(rounds)]
    alone = statistics.median([spent for spent, _ in flushes])
    return [(spent - alone) / (clients - 1) * 1e6 for _, spent in flushes]


async def report(clients: int, rounds: int) -> None:
    print(f"µs of CPU a client and flush, {clients} clients: median (maximum)")
    shared = {}
    print(f"{'symbols':>7} {'clients':8} {'quantd':>14} {'peer':>16} {'ratio':>6}")
    for count in (6, 100, 500):
        symbols = [f"S{number:03}USDT" for number in range(count)]
        for name, wishes in WISHES.items():
            ours = await costs(Served, clients, symbols, wishes, rounds)
            theirs = await costs(Peer, clients // 10, symbols, wishes, rounds)
            median, peer = statistics.median(ours), statistics.median(theirs)
            if name != "own":
                shared[f"{count} symbols, {name}"] = median
            figures = f"{median:6.2f} ({max(ours):5.2f}) {peer:8.2f} ({max(theirs):5.1f})"
            print(f"{count:7} {name:8} {figures} {peer / median:6.0f}", flush=True)
    for name, median in shared.items():
        row(f"a client and flush, {name}", median, GOAL_US, " µs", most=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    asyncio.run(report(options.clients, 9 if options.quick else options.rounds))


if __name__ == "__main__":
    main()
