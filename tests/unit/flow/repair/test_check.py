"""Recorded points are held against their bars while the flow goes on."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import quantd
from quantd.flow.pair import RebuiltPoints
from quantd.flow.repair.points import PointRebuilder
from quantd.flow.repair.repairs import Repairs
from quantd.model import Bar
from quantd.timeframes import MINUTE
from quantd_plugins.stores.local import Local
from tests.unit.flow.test_restore import NOW, Daemon, Venue, changed, run, wrong
from tests.waiting import until


async def test_a_point_that_the_flow_re_issues_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(Venue(), tmp_path, NOW + 40 * MINUTE, every=["1m"])
    store = Local()
    store.open(tmp_path)
    spoilt = store.points("Y-X", "1m", 0, 2**60)[-6]
    store.append([], [], [wrong(spoilt)])
    store.close()
    monkeypatch.setattr(Repairs, "begin", lambda repairs, stage: None)  # which would make the bars of these minutes anew
    daemon = Daemon(Venue(now=NOW + 40 * MINUTE), tmp_path, ["1m"])
    loop, mended = asyncio.get_running_loop(), []

    async def mend() -> None:
        (bar,) = daemon.history.bars("Y", "1m", spoilt.ts, spoilt.ts + 1)
        mended.append(changed(bar, close=bar.close + 1, high=bar.high + 1, revision=bar.revision + 1))
        daemon.flow._publisher.publish_bars([(daemon.flow.stages[0], mended)])

    rebuild = PointRebuilder.rebuild

    def made_while_a_trade_comes(*asked: Any) -> RebuiltPoints:
        made = rebuild(*asked)
        if not mended:
            asyncio.run_coroutine_threadsafe(mend(), loop).result()
        return made

    monkeypatch.setattr(PointRebuilder, "rebuild", made_while_a_trade_comes)
    await daemon.warm()
    await daemon.stop()
    store.open(tmp_path)
    (point,) = store.points("Y-X", "1m", spoilt.ts, spoilt.ts + 1)
    store.close()
    assert mended[0].close == point.y


async def test_what_was_exported_before_a_kill_and_never_recorded_is_exported_as_it_is_recorded(tmp_path: Path) -> None:
    await run(Venue(), tmp_path, NOW + 40 * MINUTE, every=["1m"])
    killed = Daemon(Venue(now=NOW + 40 * MINUTE), tmp_path, ["1m"])
    await killed.warm()
    await killed.recorder.write()
    bar = killed.history.bars("Y", "1m", 0, 2**60)[-6]
    killed.flow._publisher.publish_bars([(killed.flow.stages[0], [changed(bar, close=bar.close + 1, revision=bar.revision + 1)])])
    (stale,) = [row for row in killed.kept.rows["bars"] if row.revision > bar.revision]
    assert isinstance(stale, Bar)
    assert (stale.ts, stale.close) == (bar.ts, bar.close + 1)
    touched = {row.ts for row in killed.kept.rows["points"] if row.revision}
    assert bar.ts in touched
    left = shutil.copytree(tmp_path, tmp_path / "left")  # by a process that is killed now
    await killed.stop()
    after = Daemon(Venue(now=NOW + 40 * MINUTE), left, ["1m"])
    await after.warm()
    await after.recorder.write()
    assert [row for row in after.kept.rows["bars"] if row.ts == bar.ts] == [bar]
    again = [row for row in after.kept.rows["points"] if row.ts in touched]
    assert again == [point for point in after.store.points("Y-X", "1m", 0, 2**60) if point.ts in touched]
    await after.stop()
    assert (left / "told").read_text() == ""


class Failing(Venue):
    """Loses the connection at an empty batch."""

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        async for batch in super().stream(subscription):
            yield batch
        raise quantd.QuantdError("the connection is lost")


async def test_a_check_goes_on_after_the_feed_has_failed(tmp_path: Path) -> None:
    await run(Venue(), tmp_path, NOW + 40 * MINUTE, every=["1m"])
    store = Local()
    store.open(tmp_path)
    right = store.points("Y-X", "1m", 0, 2**60)[20]
    store.append([], [], [wrong(changed(right, revision=7))])
    store.close()
    venue = Failing(now=NOW + 40 * MINUTE)
    daemon = Daemon(venue, tmp_path, ["1m"])
    async with daemon.flow._outputs.rebuilding:  # so that the check cannot come to its end
        await until(lambda: daemon.flow.warm == 2)
        venue.events.put_nowait([])
        with pytest.raises(quantd.QuantdError):
            await daemon.task
    daemon.task = asyncio.create_task(daemon.flow.run())
    await daemon.warm()
    await daemon.stop()
    store.open(tmp_path)
    assert store.points("Y-X", "1m", right.ts, right.ts + 1) == [changed(right, revision=8)]
    store.close()
