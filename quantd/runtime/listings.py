"""What the venues list: asked for at the start, now and then, and when a feed says that it has changed.

A symbol that its venue does not list brings nothing, ever: so it is told of, and nobody waits for it. Feeds that list nothing, such as
files, say nothing of any symbol.
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
"""Between two questions at least: changes come in swarms."""
_ONCE_MORE_S = 60.0
"""After a change the venue is asked a second time: its services learn of it one after the other, and a list may have been cut short."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_log = logging.getLogger("quantd.listings")


class Listings:
    """Of all flows. `named` tells where the config names which symbol; `learn` is given all symbols that trade, of all venues."""

    def __init__(
        self, flows: Sequence[FeedFlow], named: Sequence[Named], troubles: Troubles, learn: Callable[[Sequence[str]], None]
    ) -> None:
        self._flows = flows
        self._named = named
        self._troubles = troubles
        self._learn = learn
        self._listed: dict[str, dict[str, None]] = {}
        """By feed, in its order."""

    async def run(self) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as group:
            for flow in self._flows:
                group.create_task(self._follow(flow), name=f"listing of {flow.name}")

    def take(self, flow: FeedFlow, symbols: Collection[str]) -> bool:
        """What its venue lists now; none where the feed cannot tell. Whether that changes anything of what streams."""
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
            except Exception as error:  # of a feed's plugin
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
            _log.error(str(place))  # a text of its own: of many of a kind the log leaves some out
        if places:
            self._troubles.begin("feed", symbol, str(places[0]))
        else:
            _log.warning("%s", text)

    def _returns(self, flow: FeedFlow, stage: SymbolStage) -> None:
        flow.members.set_absent(stage.symbol, None)
        self._troubles.end("feed", stage.symbol)
        _log.info("%s lists %s now", flow.name, stage.symbol)


async def _changes(flow: FeedFlow, patience: float) -> bool:
    """Whether the feed says within so many seconds that something has changed."""
    try:
        async with asyncio.timeout(patience):
            await flow.relisted.wait()
    except TimeoutError:
        return False
    await asyncio.sleep(_SETTLE_S)
    flow.relisted.clear()
    return True
