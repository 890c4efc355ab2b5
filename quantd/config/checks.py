"""Checks the parts of a pipeline against one another: every feed, sink, timeframe and metric that is referred to must exist."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from quantd.config.bounds import Range
from quantd.config.model import PairJobStage
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.rule_checks import RuleChecks
from quantd.config.rules import Rule
from quantd.config.sections import Part
from quantd.config.subjects import Subject, metric_ranges, offered
from quantd.errors import close_to
from quantd.plugin.base import Feed, Resampler
from quantd.rows import RESERVED
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe

FEED, SINK = "feed of quantd.yaml", "sink of quantd.yaml"


class Checks:
    """Collects the mistakes of one pipeline. `jobs` and `alerts` hold those without a mistake, each with its timeframe. If a part is wrong,
    nothing is reported about references to it."""

    def __init__(self, reader: Reader, pipeline: Part, feeds: Mapping[str, Feed | None], sinks: Collection[str]) -> None:
        self._reader = reader
        self._keys = pipeline.keys
        self._sinks = sinks
        feed = self._one_of(self._keys["feed"], feeds, FEED)
        self._channels(feeds.get(feed) if feed else None)
        self._every = self._timeframes()
        self._ranges = self._ranges_at_close()
        self.jobs = tuple(self._checked_jobs())
        self.alerts = tuple(self._checked_alerts())

    def _channels(self, feed: Feed | None) -> None:
        """Check that a known feed can bring everything that is asked of it."""
        for part in self._keys["channels"].items:
            if feed and part.value and part.value not in feed.channels:
                can = ", ".join(["trades", *sorted(feed.channels)])
                self._wrong(part, f"the feed brings no {part.value}; it can bring {can}")

    def _timeframes(self) -> Sequence[str] | None:
        """Return the timeframes of `bars.every`; None if they are wrong."""
        bars: Resampler | None = self._keys["bars"].value
        node = self._keys["bars"].node
        if bars is None or node is None:
            return None
        before = len(self._reader.mistakes)
        listed = node.value.get("every") if isinstance(node.value, dict) else None
        for number, every in enumerate(bars.every):
            at, path = (listed.value[number] if listed else node).at(every), f"bars.every[{number}]"
            self._reader.text(at, path, lambda text: _reachable(text, bars))
            if every in bars.every[:number]:
                self._reader.wrong(at, path, f"{every!r} stands here twice")
        return bars.every if len(self._reader.mistakes) == before else None

    def _ranges_at_close(self) -> Mapping[str, Range]:
        """Return the ranges of the pair's own metrics at a close."""
        zscore: ZScore | None = self._keys["zscore"].value
        regression, node = self._keys["regression"].value, self._keys["zscore"].node
        if zscore is None or regression is None:
            return {}
        if zscore.method == "innovation" and not regression.predicts and node:
            message = "innovation asks for a regression that predicts, like kalman: take that, or window"
            self._reader.wrong(node.value["method"], "zscore.method", message)
            return {}
        return metric_ranges(zscore, regression)

    def _checked_jobs(self) -> list[PairJobStage]:
        stages: list[PairJobStage] = []
        given: dict[tuple[str, str], Node] = {}
        for part in self._keys["jobs"].items:
            every = self._timeframe(part)
            if part.value is None or part.node is None or every is None:
                continue
            stage = msgspec.structs.replace(part.value, every=every)
            if text := _names_taken(stage, given):
                self._wrong(part, text)
            else:
                stages.append(stage)
                given |= {(every, metric): part.node for metric in stage.job.metrics}
        return stages

    def _checked_alerts(self) -> list[Rule]:
        rules: list[Rule] = []
        jobs = self.jobs if len(self.jobs) == len(self._keys["jobs"].items) else None
        subject = Subject(name="", jobs=jobs, ranges=self._ranges, offered=offered(self._reader.registry))
        for part in self._keys["alerts"].items:
            rule = self._rule(part, subject)
            if rule and part.node and any(rule.name == other.name for other in rules):
                self._reader.wrong(part.node, f"{part.path}.name", f"another alert is named {rule.name!r}: give each a name of its own")
            elif rule:
                rules.append(rule)
        return rules

    def _rule(self, part: Part, subject: Subject) -> Rule | None:
        every = self._timeframe(part)
        send = [self._one_of(sink, self._sinks, SINK) for sink in part.keys["send"].items]
        sound = RuleChecks(self._reader).sound(part, subject, every)
        return msgspec.structs.replace(part.value, every=every) if part.value and every and sound and None not in send else None

    def _timeframe(self, part: Part) -> str | None:
        """Return the `every` of a job or alert; the default is the first timeframe of `bars.every`."""
        every = part.keys["every"]
        if every.node is None:
            return self._every[0] if self._every else None
        return self._one_of(every, self._every, "timeframe of bars.every")

    def _one_of(self, part: Part, names: Collection[str] | None, what: str) -> str | None:
        """Return the text of a part if it is one of `names`, or if these are not known."""
        text: str | None = part.value
        if not text or names is None or text in names:
            return text
        section = {FEED: "feeds", SINK: "sinks"}.get(what)
        plugged = section and text in self._reader.registry.names(section.removesuffix("s"))
        hint = f": write `{section}: {{{text}: {{}}}}` there" if plugged else ""
        self._wrong(part, f"no {what} is named {text!r}; there is {', '.join(names) or 'none'}{hint}", close_to(text, names))
        return None

    def _wrong(self, part: Part, message: str, suggestion: str | None = None) -> None:
        assert part.node is not None
        self._reader.wrong(part.node, part.path, message, suggestion)


def _names_taken(stage: PairJobStage, given: Mapping[tuple[str, str], Node]) -> str | None:
    """Return a text about the metrics of a job whose names are already taken; `given` holds those of other jobs, by timeframe and name."""
    metrics = stage.job.metrics
    if unnamed := sorted(metric for metric in metrics if not metric.isidentifier()):
        return f"its metrics {', '.join(map(repr, unnamed))} are no names: take letters, digits and _, in the plugin"
    if columns := sorted(RESERVED.intersection(metrics)):
        return f"its {', '.join(columns)} would stand for what a pair's points have under that name: rename it in the plugin"
    if repeated := sorted({metric for metric in metrics if metrics.count(metric) > 1}):
        return f"it names {', '.join(repeated)} twice among its metrics: rename one in the plugin"
    twice = sorted(metric for metric in metrics if (stage.every, metric) in given)
    if not twice:
        return None
    other = given[stage.every, twice[0]]
    there = f"{other.file}:{other.line}:{other.column}" if other.line else other.file
    return f"another job gives {', '.join(twice)} at {stage.every}: take one of them out, this or the one at {there}"


def _reachable(every: str, bars: Resampler) -> str:
    if not timeframe(every).holds(timeframe(bars.base)):
        raise ValueError(f"{every} cannot be made of bars of {bars.base}")
    return every
