"""Analytics of a running flow, which answers questions about any two symbols on demand."""

from collections.abc import Sequence
from functools import partial

import msgspec

from quantd.clock import Clock
from quantd.history.live_bars import LiveBars
from quantd.model import WHOLE, Bar
from quantd.plugin.registry import Registry
from quantd.plugin.regression import takes_long
from quantd.pool import ANYBODY, Asker, Pool
from quantd.runtime.runtime import Runtime
from quantd.services.analytics import Analysis, Analytics, Method, PairPast, PairStatus, Question
from quantd.services.live.calculator import Calculator, Task, analysis_of
from quantd.services.live.funding import PastFunding
from quantd.services.live.lookup import flow_of
from quantd.services.live.pair_status import pair_statuses
from quantd.stats.spreads import SHORTEST

_ANSWERS_KEPT = 64
Freshness = tuple[tuple[int, int, int, int] | None, ...]
"""For each leg: the number of bars, the time of the newest, the number that hold every trade, and the sum of revisions."""


class LiveAnalytics(Analytics):
    """Computes answers in the pool, over the last bars that both legs have, and caches the latest answers."""

    def __init__(self, runtime: Runtime, registry: Registry, bars: LiveBars, clock: Clock, pool: Pool) -> None:
        self._runtime = runtime
        self._registry = registry
        self._bars = bars
        self._pool = pool
        self._calculator = Calculator(registry, clock)
        self._funding = PastFunding(clock)
        self._answers: dict[Question, tuple[Freshness, Analysis]] = {}

    def methods(self) -> list[Method]:
        return [self._method(name) for name in self._registry.names("regression")]

    def _method(self, name: str) -> Method:
        plugin = self._calculator.plugin(name)
        given = name in self._registry.of_given_hedge()
        return Method(name, getattr(plugin, "predicts", False), given, takes_long(plugin))

    async def analyse(self, question: Question, asker: Asker = ANYBODY) -> Analysis:
        wanted = max(3 * question.window, question.window + SHORTEST)
        legs = await self._bars.shared(
            (question.y, question.x), question.every, wanted + 2 * self._calculator.spec(question).bars_needed, asker
        )
        state = tuple(map(_freshness, legs))
        known = self._answers.get(question)
        if known is None or known[0] != state:
            self._answers.pop(question, None)
            answer = await self._computed(Task(question, legs, wanted), state, asker)
            while len(self._answers) >= _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
            known = self._answers[question] = state, answer
        return known[1]

    async def past(self, question: Question, limit: int, asker: Asker = ANYBODY) -> PairPast:
        legs = await self._bars.shared(
            (question.y, question.x), question.every, limit + 2 * self._calculator.spec(question).bars_needed, asker
        )
        state = tuple(map(_freshness, legs))
        past = PairPast(legs[0], legs[1], (await self._computed(Task(question, legs), state, asker)).points)
        rates = self._funding.beside(past, [flow_of(self._runtime, leg) for leg in (question.y, question.x)])
        return await asker.wait(rates, past)

    def pairs(self) -> list[PairStatus]:
        return [status for pair in self._runtime.pairs for status in pair_statuses(pair)]

    async def _computed(self, task: Task, state: Freshness, asker: Asker) -> Analysis:
        coded = partial(msgspec.msgpack.encode, task), analysis_of
        topic = task.question, task.wanted or max(map(len, task.legs))
        function = partial(self._calculator.calculate, task)
        return await self._pool.compute(asker, self._calculator.cost(task), function, coded, topic=topic, state=state)


def _freshness(leg: Sequence[Bar]) -> tuple[int, int, int, int] | None:
    return (len(leg), leg[-1].ts, sum(bar.quality in WHOLE for bar in leg), sum(bar.revision for bar in leg)) if leg else None
