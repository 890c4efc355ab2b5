"""Bars that end with an event go on where an earlier run left off: behind the last one that is recorded, with the trades that are."""

import asyncio
import logging
from collections.abc import Collection, MutableMapping

import msgspec

from quantd.blobs import recalled
from quantd.errors import unforeseen
from quantd.flow.bars.events import EventStage
from quantd.flow.ingest.ledger import FOR_EVER
from quantd.flow.outputs import Outputs
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.model import Bar, Tick
from quantd.timeframes import DAY, HOUR, MINUTE

_LOOK_S = 0.25
_LONGEST_PAUSE_S = 60.0
_LONGEST_SEARCH = 400 * DAY
_AT_ONCE = 5_000
"""Trades, before the loop does other things."""
_log = logging.getLogger("quantd.flow")


class Mark(msgspec.Struct, frozen=True):
    """The trade with which the bars of a rule begin: kept, for until the first bar is recorded nothing else tells."""

    id: int
    ts: int


class EventRestorer:
    """Reads for each of the `stages` of one flow what is recorded and not yet in its event bars, after a start and when too much waited for
    what is missing. Trades that come meanwhile wait. What is `kept` outlives the daemon."""

    def __init__(self, outputs: Outputs, stages: Collection[SymbolStage], kept: MutableMapping[str, bytes]) -> None:
        self._outputs = outputs
        self._stages = stages
        self._kept = kept
        self._told: dict[str, bytes] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Restore from now on."""
        if self._task is None:
            self._task = self._outputs.supervisor.start("restore event bars", self._run)

    async def end(self) -> None:
        """Restore no more. What waits is recorded: the next start takes it up."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

    async def finish(self) -> None:
        """The stream has ended: take up what is left of the record, so that every open bar can be closed."""
        await self.end()
        await self._work_off(blocked=True)

    async def _run(self) -> None:
        pause = _LOOK_S
        while True:
            pause = _LOOK_S if await self._work_off(blocked=False) else min(4 * pause, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _work_off(self, *, blocked: bool) -> bool:
        """Catch up with every symbol that has begun, also with those that are `blocked` by what may still be fetched. One that fails holds
        up no other, and the first that does is told of; whether none does."""
        well = True
        for stage in [stage for stage in self._stages if stage.events and stage.ready and stage.last]:
            try:
                await self._follow(stage, blocked)
            except Exception as error:  # whatever a store raises
                if well:
                    _log.warning("%s: event bars wait for the record: %s", stage.symbol, error, exc_info=unforeseen(error))
                well = False
        return well

    async def _follow(self, stage: SymbolStage, blocked: bool) -> None:
        if stage.line.behind and (blocked or not stage.line.blocked):
            await self._catch_up(stage)
        if stage.line.began:
            self._keep_broken(stage)

    async def _catch_up(self, stage: SymbolStage) -> None:
        recorder, line = self._outputs.recorder, stage.line
        if recorder is None:
            return
        if not line.began:
            await self._begin(stage)
            self._keep_broken(stage)
        line.keep()
        if await recorder.write() and await self._read(stage) and line.catch_up():
            _log.debug("%s: event bars have caught up with the record", stage.symbol)

    async def _begin(self, stage: SymbolStage) -> None:
        """Find where the bars of each rule go on, or have them begin with the first trade that has come."""
        first = stage.line.first
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
            rule.begin(mark.id)
            since.append(mark.ts)
            resumed |= known
        broken = recalled(self._kept, _key(stage.symbol), list[int]) or []
        stage.line.begin(min(since), [*broken, first.id] if resumed else ())

    def _keep_broken(self, stage: SymbolStage) -> None:
        """Without ids nothing but this tells a later run where trades may be missing in a bar that has not closed yet."""
        key, broken = _key(stage.symbol), msgspec.json.encode(stage.line.broken)
        if self._told.get(key, b"[]") != broken:
            self._kept[key] = self._told[key] = broken

    def _mark(self, symbol: str, rule: EventStage, first: Tick) -> tuple[Mark, bool]:
        """Where the bars of a rule begin, and whether an earlier run has said so."""
        key = f"{_key(symbol)}/{rule.label}"
        if saved := recalled(self._kept, key, Mark):
            return saved, True
        mark = Mark(first.id, first.ts)
        self._kept[key] = msgspec.json.encode(mark)
        return mark, False

    async def _read(self, stage: SymbolStage) -> bool:
        """All that is recorded and not in all bars, by the hour; False where it is of no use to read on."""
        newest = await asyncio.to_thread(self._outputs.history.newest_trade, stage.symbol)
        start, last = stage.line.since - MINUTE, newest[1] if newest else 0
        while start < last + MINUTE:
            until = start + HOUR
            ticks = await asyncio.to_thread(self._outputs.history.recorded_ticks, stage.symbol, start, until)
            for begin in range(0, len(ticks), _AT_ONCE):
                if not stage.line.read(ticks[begin : begin + _AT_ONCE], min(until, last)):
                    return False
                await asyncio.sleep(0)
            start = until
        return True


def _key(symbol: str) -> str:
    return f"events/{symbol}"


def last_bar(history: History, symbol: str, every: str, ts: int) -> Bar | None:
    """The last bar of a series that is known, looked for from `ts` (ms) on, then farther and farther back. Reads the store."""
    span, bars = MINUTE, history.bars(symbol, every, ts, FOR_EVER)
    while not bars and span < _LONGEST_SEARCH:
        span *= 8
        bars = history.bars(symbol, every, ts - span, FOR_EVER)
    return bars[-1] if bars else None
