"""Answers about any two symbols, computed when they are asked for."""

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from quantd.clock import Clock
from quantd.flow.symbol import SymbolStage
from quantd.model import WHOLE, Bar
from quantd.plugin.registry import Registry
from quantd.pool import Asker, Pool
from quantd.services.answers import Answerer, Question, Task, analysis_of
from quantd.services.candles import Candles
from quantd.services.desk import Analysis, PairPast
from quantd.stats.spreads import SHORTEST

_ANSWERS_KEPT = 64
Stages = Sequence[SymbolStage | None]
"""Those of y and of x; None for one that does not stream."""
Freshness = tuple[tuple[int, int, int, int] | None, ...]
"""Of each leg how many bars there are, the newest one, how many hold every trade, and how often they were re-issued."""


class Analyst:
    """Has the pool compute what is asked, over the last bars that both legs have, and remembers the latest answers."""

    def __init__(self, registry: Registry, candles: Candles, clock: Clock, pool: Pool) -> None:
        self._answerer = Answerer(registry, clock)
        self._candles = candles
        self._pool = pool
        self._answers: dict[Question, tuple[Freshness, Analysis]] = {}

    async def analyse(self, question: Question, stages: Stages, asker: Asker) -> Analysis:
        """The points over the last bars, and the tests of them. Raises Busy."""
        wanted = max(3 * question.window, question.window + SHORTEST)
        legs = await self._past_legs(stages, question.every, wanted + 2 * self._answerer.spec(question).reach, asker)
        state = tuple(map(_freshness, legs))
        known = self._answers.get(question)
        if known is None or known[0] != state:
            self._answers.pop(question, None)
            answer = await self._computed(Task(question, legs, wanted), state, asker)
            while len(self._answers) >= _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
            known = self._answers[question] = state, answer
        return known[1]

    async def past(self, question: Question, stages: Stages, limit: int, asker: Asker) -> PairPast:
        """The last `limit` bars, those before them that the window needs, and the points over them. Raises Busy."""
        legs = await self._past_legs(stages, question.every, limit + 2 * self._answerer.spec(question).reach, asker)
        state = tuple(map(_freshness, legs))
        return PairPast(legs[0], legs[1], (await self._computed(Task(question, legs), state, asker)).points)

    async def _computed(self, task: Task, state: Freshness, asker: Asker) -> Analysis:
        coded = partial(msgspec.msgpack.encode, task), analysis_of
        topic = task.question, task.wanted or max(map(len, task.legs))
        function = partial(self._answerer.answer, task)
        return await self._pool.compute(asker, self._answerer.cost(task), function, coded, topic=topic, state=state)

    async def _past_legs(self, stages: Stages, every: str, count: int, asker: Asker) -> list[list[Bar]]:
        """The same as `_legs`, once these bars are at hand."""
        await asyncio.gather(*(self._candles.reach(stage, every, count, asker) for stage in stages if stage))
        return await self._pool.read(asker, self._legs, stages, every, count)

    def _legs(self, stages: Stages, every: str, count: int) -> list[list[Bar]]:
        """The last `count` closed bars of each, up to the last one that both have. Any thread may call."""
        newest = [self._candles.newest(stage, every) for stage in stages if stage]
        until = min((ts for ts in newest if ts is not None), default=0) + 1
        return [self._candles.closed(stage, every, until, count) if stage else [] for stage in stages]


def _freshness(leg: Sequence[Bar]) -> tuple[int, int, int, int] | None:
    return (len(leg), leg[-1].ts, sum(bar.quality in WHOLE for bar in leg), sum(bar.revision for bar in leg)) if leg else None
