"""Reads the venues' lists of symbols: at the start, regularly, and when a feed reports a change.

A symbol that its venue does not list never delivers anything. It is reported, and nobody waits for it. Feeds without a list, such as files,
make no statement about any symbol.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from quantd.config.named import Named
from quantd.errors import unforeseen
from quantd.flow.feed import FeedFlow
from quantd.flow.symbol import SymbolStage
from quantd.supervision.troubles import Troubles

_EVERY_S = 3600.0
_SETTLE_S = 1.0
"""Shortest time (s) between two requests, since changes come in bursts."""
_ONCE_MORE_S = 60.0
"""Time (s) after a change at which the venue is asked again: its servers learn of the change one after the other, and a list may have been
cut short."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_log = logging.getLogger("quantd.listings")


class Listings:
    """The listings of all flows. `named` says where the config names which symbol; `learn` is called with all trading symbols of all
    venues."""

    def __init__(
        self, flows: Sequence[FeedFlow], named: Sequence[Named], troubles: Troubles, learn: Callable[[Sequence[str]], None]
    ) -> None:
        self._flows = flows
        self._named = named
        self._troubles = troubles
        self._learn = learn
        self._listed: dict[str, dict[str, None]] = {}
        """The listed symbols by feed, in the feed's order."""

    async def run(self) -> None:
        """Request the lists for ever."""
        async with asyncio.TaskGroup() as group:
            for flow in self._flows:
                group.create_task(self._follow(flow), name=f"listing of {flow.name}")

    def take(self, flow: FeedFlow, symbols: Collection[str]) -> bool:
        """Apply what the venue of a flow lists now; empty if the feed cannot tell. Return whether that changes which symbols stream."""
        if not symbols:
            return False
        before, listed = self._listed.get(flow.name, {}), dict.fromkeys(symbols)
        self._listed[flow.name] = listed
        self._learn(list(dict.fromkeys(symbol for each in self._listed.values() for symbol in each)))
        changed = [stage for stage in flow.stages if (stage.symbol in listed) == bool(stage.absent)]
        for stage in changed:
            if stage.absent:
                self._returns(flow, stage)
            else:
                self._goes(flow, stage, listed, was=stage.symbol in before)
        return bool(changed)

    async def _follow(self, flow: FeedFlow) -> None:
        pause, changed, told = _SHORTEST_PAUSE_S, False, False
        while True:
            try:
                symbols = await flow.feed.fetch_symbols()
            except Exception as error:  # a feed's plugin may raise anything
                if not told:
                    why = str(error) or "no answer in time"
                    _log.warning("what %s lists is not known, asking on: %s", flow.name, why, exc_info=unforeseen(error))
                told = True
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE_S)
            else:
                changed |= self.take(flow, symbols)
                wait, pause, told = _ONCE_MORE_S if changed else _EVERY_S, _SHORTEST_PAUSE_S, False
            changed = await _changes(flow, wait)

    def _goes(self, flow: FeedFlow, stage: SymbolStage, listed: Collection[str], *, was: bool) -> None:
        symbol = stage.symbol
        flow.members.set_absent(symbol, "delisted" if was else "unlisted")
        text = f"{flow.name} {'no longer lists' if was else 'does not list'} {symbol}"
        named = [each for each in self._named if (each.feed, each.symbol) == (flow.name, symbol)]
        places = [each.mistake(text, () if was else listed) for each in named]
        for place in places:
            _log.error(str(place))  # a text of its own: of many lines of one kind the log omits some
        if places:
            self._troubles.begin("feed", symbol, str(places[0]))
        else:
            _log.warning("%s", text)

    def _returns(self, flow: FeedFlow, stage: SymbolStage) -> None:
        flow.members.set_absent(stage.symbol, None)
        self._troubles.end("feed", stage.symbol)
        _log.info("%s lists %s now", flow.name, stage.symbol)


async def _changes(flow: FeedFlow, patience: float) -> bool:
    """Return whether the feed reports a change within `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            await flow.relisted.wait()
    except TimeoutError:
        return False
    await asyncio.sleep(_SETTLE_S)
    flow.relisted.clear()
    return True
