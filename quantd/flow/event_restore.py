"""Restores event bars after a start: they continue after the last recorded bar, with the recorded trades."""

import asyncio
import logging
from collections.abc import Collection, MutableMapping

import msgspec

from quantd.blobs import recalled
from quantd.errors import unforeseen
from quantd.flow.bars.events import EventStage
from quantd.flow.outputs import Outputs
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import Bar, Tick
from quantd.timeframes import DAY, HOUR, MINUTE
from quantd.times import FOR_EVER

_LOOK_S = 0.25
_LONGEST_PAUSE_S = 60.0
_LONGEST_SEARCH = 400 * DAY
_AT_ONCE = 5_000
"""Number of trades to process before the event loop runs other tasks."""
_log = logging.getLogger("quantd.flow")


class Mark(msgspec.Struct, frozen=True):
    """The trade with which the bars of a rule begin. It is stored because nothing else shows it until the first bar is recorded."""

    id: int
    ts: int


class EventRestorer:
    """Reads, for each of the `stages` of one flow, the recorded trades that are not yet in its event bars: after a start, and when too many
    trades waited for missing ones. Trades that arrive meanwhile wait. Values in `kept` survive a restart."""

    def __init__(self, outputs: Outputs, stages: Collection[SymbolStage], kept: MutableMapping[str, bytes]) -> None:
        self._outputs = outputs
        self._stages = stages
        self._kept = kept
        self._told: dict[str, bytes] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start restoring."""
        if self._task is None:
            self._task = self._outputs.supervisor.start("restore event bars", self._run)

    def forget(self, symbol: str) -> None:
        """Remove a symbol that has left."""
        self._told.pop(_key(symbol), None)

    async def end(self) -> None:
        """Stop restoring. The trades that wait are recorded: the next start reads them."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

    async def finish(self) -> None:
        """Read the rest of the record, since the stream has ended, so that every open bar can be closed."""
        await self.end()
        await self._work_off(blocked=True)

    async def _run(self) -> None:
        pause = _LOOK_S
        while True:
            pause = _LOOK_S if await self._work_off(blocked=False) else min(4 * pause, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _work_off(self, *, blocked: bool) -> bool:
        """Catch up with every symbol that has begun, including those that are `blocked` by trades that may still be fetched. A symbol that
        fails does not hold up the others; the first failure is logged. Return whether none failed."""
        well = True
        for stage in [stage for stage in self._stages if stage.events and stage.ready and stage.last]:
            try:
                await self._follow(stage, blocked)
            except Exception as error:  # a store may raise anything
                if well:
                    _log.warning("%s: event bars wait for the record: %s", stage.symbol, error, exc_info=unforeseen(error))
                well = False
        return well

    async def _follow(self, stage: SymbolStage, blocked: bool) -> None:
        if stage.in_order.behind and (blocked or not stage.in_order.blocked):
            await self._catch_up(stage)
        if stage.in_order.began:
            self._keep_broken(stage)

    async def _catch_up(self, stage: SymbolStage) -> None:
        recorder, line = self._outputs.recorder, stage.in_order
        if recorder is None:
            return
        if not line.began:
            await self._begin(stage)
            self._keep_broken(stage)
        line.keep()
        if await recorder.write() and await self._read(stage) and line.catch_up():
            _log.debug("%s: event bars have caught up with the record", stage.symbol)

    async def _begin(self, stage: SymbolStage) -> None:
        """Find where the bars of each rule continue, or begin them with the first trade that has arrived."""
        first = stage.in_order.first
        if first is None:
            return
        since, resumed = [], False
        for rule in stage.events:
            bar = await asyncio.to_thread(last_bar, self._outputs.history, stage.symbol, rule.label, first.ts)
            if bar:
                rule.resume(bar)
            if bar and rule.reached is not None:
                since.append(bar.ts)
                resumed = True
                continue
            mark, known = self._mark(stage.symbol, rule, first)
            rule.begin_at(mark.id)
            since.append(mark.ts)
            resumed |= known
        broken = recalled(self._kept, _key(stage.symbol), list[int]) or []
        stage.in_order.begin_at(min(since), [*broken, first.id] if resumed else ())

    def _keep_broken(self, stage: SymbolStage) -> None:
        """Store the ids before which trades may be missing. Without ids of the venue, nothing else tells a later run about the open bar."""
        key, broken = _key(stage.symbol), msgspec.json.encode(stage.in_order.broken)
        if self._told.get(key, b"[]") != broken:
            self._kept[key] = self._told[key] = broken

    def _mark(self, symbol: str, rule: EventStage, first: Tick) -> tuple[Mark, bool]:
        """Return where the bars of a rule begin, and whether an earlier run has stored that."""
        key = f"{_key(symbol)}/{rule.label}"
        if saved := recalled(self._kept, key, Mark):
            return saved, True
        mark = Mark(first.id, first.ts)
        self._kept[key] = msgspec.json.encode(mark)
        return mark, False

    async def _read(self, stage: SymbolStage) -> bool:
        """Read, hour by hour, the recorded trades that are not in all bars. Return False if it is of no use to read on."""
        newest = await asyncio.to_thread(self._outputs.history.newest_trade, stage.symbol)
        start, last = stage.in_order.since - MINUTE, newest[1] if newest else 0
        while start < last + MINUTE:
            until = start + HOUR
            ticks = await asyncio.to_thread(self._outputs.history.recorded_ticks, stage.symbol, start, until)
            for begin in range(0, len(ticks), _AT_ONCE):
                if not stage.in_order.read(ticks[begin : begin + _AT_ONCE], min(until, last)):
                    return False
                await asyncio.sleep(0)
            start = until
        return True


def _key(symbol: str) -> str:
    return f"events/{symbol}"


def last_bar(history: History, symbol: str, every: str, ts: int) -> Bar | None:
    """Return the last known bar of a series, searching from `ts` (ms) on, then farther and farther back. Reads the store."""
    span, bars = MINUTE, history.bars(symbol, every, ts, FOR_EVER)
    while not bars and span < _LONGEST_SEARCH:
        span *= 8
        bars = history.bars(symbol, every, ts - span, FOR_EVER)
    return bars[-1] if bars else None
