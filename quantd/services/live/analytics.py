"""Analytics of a running flow, which answers questions about any two symbols on demand."""

from collections.abc import Hashable, MutableMapping
from functools import lru_cache, partial

import msgspec

from quantd.clock import Clock
from quantd.history.live_bars import LiveBars
from quantd.model import PairPoint
from quantd.plugin.registry import Registry
from quantd.plugin.regression import takes_long
from quantd.pool import ANYBODY, Asker, Pool
from quantd.runtime.runtime import Runtime
from quantd.services.analytics import Analysis, Analytics, Method, PairPast, PairStatus, Question
from quantd.services.live.calculator import Calculator, Task, analysis_of
from quantd.services.live.funding import PastFunding
from quantd.services.live.lookup import flow_of
from quantd.services.live.pair_status import pair_statuses
from quantd.services.live.slow_answers import SlowAnswers
from quantd.stats.spreads import SHORTEST

_ANSWERS_KEPT = 64


class LiveAnalytics(Analytics):
    """Computes answers in the pool, over the last bars that both legs have, and caches the latest answers."""

    def __init__(
        self, runtime: Runtime, registry: Registry, bars: LiveBars, clock: Clock, pool: Pool, cache: MutableMapping[str, bytes]
    ) -> None:
        """`cache` keeps the answers that took long, also over a restart."""
        self._runtime = runtime
        self._registry = registry
        self._bars = bars
        self._pool = pool
        self._calculator = Calculator(registry, clock)
        self._slow = SlowAnswers(cache, self._calculator, runtime.outputs.troubles, clock)
        self._funding = PastFunding(clock)
        self._reach = lru_cache(_ANSWERS_KEPT)(self._bars_behind)
        self._answers: dict[Question, tuple[Hashable, Analysis]] = {}

    def methods(self) -> list[Method]:
        return [self._method(name) for name in self._registry.names("regression")]

    def _method(self, name: str) -> Method:
        plugin = self._calculator.plugin(name)
        given = name in self._registry.of_given_hedge()
        return Method(name, getattr(plugin, "predicts", False), given, takes_long(plugin))

    def version(self, question: Question) -> Hashable | None:
        return self._bars.shared_version((question.y, question.x), question.every, self._reach(question))

    async def prepare(self, question: Question, asker: Asker = ANYBODY) -> None:
        asker = self._weighed(question, asker)
        await self._bars.prepare_shared((question.y, question.x), question.every, self._reach(question), asker)

    def _weighed(self, question: Question, asker: Asker) -> Asker:
        """Return the asker with what the answer costs. Raises Busy if that could not be computed anyway: nothing is read in vain then."""
        cost = self._calculator.cost_of(question, self._reach(question))
        self._pool.demand_room(asker, cost, topic=(question, _wanted(question)))
        return msgspec.structs.replace(asker, cost=cost)

    async def analyse(self, question: Question, asker: Asker = ANYBODY) -> Analysis:
        known = self._answers.get(question)
        if known is not None and known[0] == self.version(question):
            return known[1]
        reach, wanted = self._reach(question), _wanted(question)
        asker = self._weighed(question, asker)
        version, legs = await self._bars.shared((question.y, question.x), question.every, reach, asker)
        known = self._answers.get(question)
        if known is None or known[0] != version:
            task = Task(question, legs, wanted)
            answer = await self._slow.answer(task, partial(self._computed, task, version, asker))
            self._answers.pop(question, None)
            while len(self._answers) >= _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
            known = self._answers[question] = version, answer
        return known[1]

    async def past(self, question: Question, limit: int, asker: Asker = ANYBODY) -> PairPast:
        count = limit + 2 * self._calculator.spec(question).bars_needed
        version, legs = await self._bars.shared((question.y, question.x), question.every, count, asker)
        past = PairPast(legs[0], legs[1], (await self._computed(Task(question, legs), version, asker)).points)
        rates = self._funding.beside(past, [flow_of(self._runtime, leg) for leg in (question.y, question.x)])
        return await asker.wait(rates, past)

    def _bars_behind(self, question: Question) -> int:
        """Return the number of bars behind an analysis."""
        return _wanted(question) + 2 * self._calculator.spec(question).bars_needed

    def series(self) -> list[tuple[str, str]]:
        return [(pair.name, series.spec.every) for pair in self._runtime.pairs for series in pair.series]

    def newest(self, pair: str, every: str) -> PairPoint | None:
        history = self._runtime.outputs.history
        (ts,) = history.newest_points(every, [pair]).tolist()
        return None if ts < 0 else history.recent_point(pair, every, ts)

    def nowcasts(self, pair: str) -> list[PairPoint]:
        return [point for stage in self._runtime.pairs if stage.name == pair for point in stage.nowcasts()]

    def pairs(self) -> list[PairStatus]:
        return [status for pair in self._runtime.pairs for status in pair_statuses(pair)]

    def pairs_version(self) -> Hashable | None:
        return self._runtime.outputs.history.changes, sum(len(flow.pairs) for flow in self._runtime.flows)

    async def _computed(self, task: Task, version: Hashable, asker: Asker) -> Analysis:
        coded = partial(msgspec.msgpack.encode, task), analysis_of
        topic = task.question, task.wanted or max(map(len, task.legs))
        function = partial(self._calculator.calculate, task)
        return await self._pool.compute(asker, self._calculator.cost(task), function, coded, topic=topic, state=version)


def _wanted(question: Question) -> int:
    """Return the number of bars to test."""
    return max(3 * question.window, question.window + SHORTEST)
