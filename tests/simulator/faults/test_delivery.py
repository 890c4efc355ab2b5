"""Frames lost, late, out of order, twice, and from the past, as a client sees them."""

from tests.simulator.support import Simulator

from .support import BTC, ETH, fault, ids, order, trades, until_clean

PATH = f"/market/ws/{BTC}"


async def test_a_drop_loses_frames_but_no_row_of_the_ledger(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        await ids(ws, 1)
        async with fault(faulty, "drop", {"stream": BTC}, k=2, n=4):
            [seen] = await ids(ws, 1)
            while (following := (await ids(ws, 1))[0]) == seen + 1:
                seen = following
            got = await ids(ws, 60)
    missing = set(range(got[0], got[-1])) - set(got)
    assert 56 <= len(missing) <= 63
    assert missing <= set(faulty.rows("BTCUSDT"))


async def test_another_stream_and_another_connection_are_spared(faulty: Simulator) -> None:
    async with faulty.connect(f"{PATH}/{ETH}") as hit, faulty.connect(f"/market/stream?streams={BTC}") as spared:
        await ids(hit, 1)
        async with fault(faulty, "drop", {"symbol": "BTCUSDT", "path": "/market/ws"}):
            seen: list[str] = []
            while seen[-30:] != ["ETHUSDT"] * 30:
                seen.append((await trades(hit, 1))[0]["s"])
            streams = [frame["data"]["a"] for frame in await trades(spared, 30)]
    assert streams == list(range(streams[0], streams[0] + 30))


async def test_nth_takes_one_frame(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        await ids(ws, 1)
        async with fault(faulty, "drop", {"stream": BTC, "nth": 40}):
            got = await ids(ws, 2)
            while got[-1] == got[-2] + 1:
                got += await ids(ws, 1)
            got += await ids(ws, 60)
    assert len(set(range(got[0], got[-1])) - set(got)) == 1


async def test_a_delay_keeps_the_order(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as late, faulty.connect(f"/market/stream?streams={BTC}") as prompt:
        await ids(late, 1)
        async with fault(faulty, "delay", {"path": "/market/ws"}, ms=300):
            first = (await trades(prompt, 1))[0]["data"]["a"]
            got = await ids(late, 30)
            while (await trades(prompt, 1))[0]["data"]["a"] < got[-1]:  # what comes now is older than what the other one has
                pass
        await until_clean(late)
    assert got == list(range(got[0], got[0] + 30))
    assert first > 0


async def test_a_delay_with_reorder_mixes_frames(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        async with fault(faulty, "delay", ms=100, law="uniform", reorder=True):
            got = await ids(ws, 1)
            while sorted(got) == got:
                got += await ids(ws, 1)
        await until_clean(ws)


async def test_a_pareto_delay_delays(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws, fault(faulty, "delay", ms=5, law="pareto", most_ms=50):
        got = await ids(ws, 50)
    assert got == list(range(got[0], got[0] + 50))


async def test_a_reorder_loses_nothing(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        async with fault(faulty, "reorder", window=4):
            got = await ids(ws, 1)
            while sorted(got) == got or len(got) < 40:
                got += await ids(ws, 1)
        got += await ids(ws, 20)  # the end of the fault lets go what it held
    assert sorted(got) == list(range(min(got), min(got) + len(got)))


async def test_a_duplicate_comes_at_once_or_later(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        for params in ({"mode": "now"}, {"mode": "later", "ms": 20}):
            async with fault(faulty, "duplicate", **params):
                got: list[int] = []
                while len(set(got)) == len(got):
                    got += await ids(ws, 1)
            await until_clean(ws)


async def test_a_reconnect_is_greeted_with_what_was_sent_before(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as first, fault(faulty, "duplicate", {"stream": BTC}, mode="reconnect", n=7):
        before = await ids(first, 30)
        async with faulty.connect(PATH) as second:
            got = await ids(second, 10)
            before += await ids(first, 30)
    assert got == list(range(got[0], got[0] + 10))
    assert len(before) == len(set(before))
    assert got[6] in before


async def test_old_trades_come_again(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        [now] = await trades(ws, 1)
        await order(faulty, "replay_old", {"stream": BTC}, n=3)
        while (trade := (await trades(ws, 1))[0])["T"] > now["T"] - 3_000_000:
            pass
        again = [trade["a"], *await ids(ws, 2)]
        assert again == sorted(set(again))  # a trade among them that is late by its time may be older than what was asked for
        await until_clean(ws)


async def test_faults_add_up(faulty: Simulator) -> None:
    async with fault(faulty, "delay", ms=20), fault(faulty, "duplicate"), faulty.connect(PATH) as ws:
        got = await ids(ws, 10)
    assert got == [identity for identity in range(got[0], got[0] + 5) for _ in range(2)]
