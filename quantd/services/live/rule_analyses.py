"""Makes the points of rules that want another window, regression or timeframe than the pipeline of their pair has.

bars close ──▶ due questions ──▶ analyse (in the pool, one task a question) ──▶ points since the last ones ──▶ engine ──▶ alerts
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from quantd.flow.outputs import Outputs
from quantd.model import Bar, PairPoint
from quantd.pool import Busy
from quantd.services.analytics import Analytics, Question
from quantd.timeframes import timeframe

_log = logging.getLogger("quantd.alerts")


class _Asked:
    """One question, and the rules that it is asked for."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.rules: set[str] = set()
        self.closed: dict[str, int] = {}
        """The end of the newest closed bucket of each leg."""
        self.judged: int | None = None
        """Open time of the newest point that was judged."""
        self.newest: PairPoint | None = None
        self.task: asyncio.Task[None] | None = None


class RuleAnalyses:
    """The questions of rules. Equal questions are asked once, however many rules there are."""

    def __init__(self, analytics: Analytics, outputs: Outputs) -> None:
        self._analytics = analytics
        self._outputs = outputs
        self._asked: dict[Question, _Asked] = {}
        self._stop_listening: Callable[[], None] = lambda: None

    def put(self, rule_id: str, question: Question) -> str:
        """Ask a question at each close from now on. Return the name of the points that answer it."""
        if not self._asked:
            self._stop_listening = self._outputs.hub.listen("bars", self._closed)
        self._asked.setdefault(question, _Asked(question)).rules.add(rule_id)
        return name(question)

    def drop(self, rule_id: str) -> None:
        """Do not ask for a rule any more."""
        for question, asked in list(self._asked.items()):
            asked.rules.discard(rule_id)
            if not asked.rules:
                del self._asked[question]
                if asked.task:
                    asked.task.cancel()
                if not self._asked:
                    self._stop_listening()

    def newest(self, rule_id: str) -> PairPoint | None:
        """Return the newest point of a rule."""
        return next((asked.newest for asked in self._asked.values() if rule_id in asked.rules), None)

    async def settled(self) -> None:
        """Return when nothing is being computed."""
        while tasks := [asked.task for asked in self._asked.values() if asked.task]:
            await asyncio.wait(tasks)

    def _closed(self, bars: Sequence[Bar]) -> None:
        """Ask the questions of which both legs have closed a further bar."""
        ends: dict[str, set[int]] = {}
        for bar in bars:
            if not bar.revision:
                ends.setdefault(bar.symbol, set()).add(timeframe(bar.every).end(bar.ts) if "-" not in bar.every else 0)
        for asked in self._asked.values():
            question = asked.question
            for leg in (question.y, question.x):
                at_ends = [end for end in ends.get(leg, ()) if end and timeframe(question.every).floor(end) == end]
                asked.closed[leg] = max([asked.closed.get(leg, 0), *at_ends])
            if asked.task is None and self._is_due(asked):
                asked.task = asyncio.get_running_loop().create_task(self._answer(asked), name=f"points of {name(question)}")

    def _is_due(self, asked: _Asked) -> bool:
        """Return whether both legs have a closed bucket behind the newest point."""
        end = min(asked.closed.values(), default=0)
        newest = asked.newest
        return end > 0 and (newest is None or timeframe(newest.every).end(newest.ts) < end)

    async def _answer(self, asked: _Asked) -> None:
        """Compute the points of a question, and judge those that are new. A busy pool is asked again at the next close."""
        question, pair = asked.question, f"{asked.question.y}-{asked.question.x}"
        try:
            points = (await self._analytics.analyse(question)).points
            self._outputs.troubles.end("rules", name(question))
        except Busy as error:
            self._outputs.troubles.begin("rules", name(question), f"points of {pair} are late: {error}")
            return
        except Exception as error:  # a regression's plugin may raise anything
            self._outputs.troubles.begin("rules", name(question), f"points of {pair} cannot be made: {error}")
            _log.exception("points of %s for rules cannot be made", pair)
            return
        finally:
            asked.task = None
        news = [point for point in points if asked.judged is None or point.ts > asked.judged]
        if not news:
            return
        if asked.judged is None:
            news = news[-1:]  # a new rule begins at the newest closed bar
        asked.newest, asked.judged = news[-1], news[-1].ts
        watched = [replace(point, pair=f"{pair} {name(question)}", revision=0) for point in news]
        self._outputs.tell(self._outputs.alerts.judge(watched))


def name(question: Question) -> str:
    """Return a name of the settings of a question."""
    return f"{question.method}/{question.window}/{question.every}"
