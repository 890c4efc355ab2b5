"""Packed ticks are the same bytes whether they come as structs or as columns, and as they were when each was packed by itself."""

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st

from quantd.columns.ticks import TickBatch, TickRun, packed_of
from quantd.model import Tick
from quantd_plugins.stores.chunks import COLUMNS, ChunkRow, is_sound, pack, unpack

AMOUNTS = st.floats(1e-9, 1e9)
TICKS = st.builds(
    Tick,
    st.sampled_from(["BTCUSDT", "ETHUSDT", "ADAUSDT"]),
    st.integers(1, 40),
    st.integers(9_000, 13_999),
    st.integers(0, 2**62),
    AMOUNTS,
    AMOUNTS,
    st.booleans(),
)


def one_by_one(ticks: Iterable[Tick]) -> Iterator[ChunkRow]:
    """The rows as they have always been: each tick packed by itself."""
    seconds: defaultdict[tuple[str, int], list[Tick]] = defaultdict(list)
    for tick in ticks:
        seconds[tick.symbol, tick.ts // 1_000].append(tick)
    for (symbol, _), chunk in seconds.items():
        chunk.sort(key=attrgetter("id"))
        times = [tick.ts for tick in chunk]
        packed = b"".join([struct.pack("<qqqdd?", *(getattr(tick, name) for name in COLUMNS)) for tick in chunk])
        yield symbol, chunk[0].id, chunk[-1].id, len(chunk), min(times), max(times), packed


@given(st.lists(TICKS, max_size=60))
def test_any_ticks_are_packed_as_if_one_by_one(ticks: list[Tick]) -> None:
    assert list(pack(ticks)) == list(pack(TickBatch.of(ticks))) == list(one_by_one(ticks))
    assert all(map(is_sound, pack(ticks)))


@given(st.lists(st.lists(TICKS, max_size=9), max_size=9))
def test_batches_runs_and_lists_are_packed_together(pieces: list[list[Tick]]) -> None:
    forms: list[Callable[[list[Tick]], Sequence[Tick]]] = [list, TickBatch.of, run]
    formed = [form(piece) for form, piece in zip(forms * 3, pieces, strict=False)]
    batch = TickBatch.joined(formed)
    assert list(batch) == [tick for piece in formed for tick in piece]
    assert list(pack(batch)) == list(one_by_one(batch))


def run(ticks: list[Tick]) -> TickRun:
    """The ticks as if all were of one symbol."""
    return TickRun("SOLUSDT", packed_of(ticks))


@given(st.lists(TICKS, max_size=60))
def test_what_is_packed_reads_back_each_id_once(ticks: list[Tick]) -> None:
    of_one = [tick for tick in ticks if tick.symbol == "BTCUSDT"]
    columns, sound = unpack([row[-1] for row in pack(ticks) if row[0] == "BTCUSDT"], 9_000, 14_000)
    assert sound
    assert columns["id"].tolist() == sorted({tick.id for tick in of_one})
