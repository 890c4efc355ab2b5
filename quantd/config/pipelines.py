"""Reads `pipelines/*.yaml`: how a pair is processed, top to bottom."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from quantd.config.bounds import Range, between, close_ranges, judged_coverage, mistake, z_range
from quantd.config.convert import Invalid
from quantd.config.model import PairJobStage, Pipeline
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.rules import COVERAGE, METRICS, Condition, Coverage, Rule, parse_condition
from quantd.config.shipped import shipped, shipped_pipelines
from quantd.config.tree import substitute
from quantd.config.writers import Writer
from quantd.config.yaml12 import parse
from quantd.errors import ConfigError, Mistake, QuantdError, close_to
from quantd.model import Spread
from quantd.plugin.base import Extra, Feed, PairJob, Resampler
from quantd.plugin.regression import Regression
from quantd.rows import RESERVED
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe

KEYS = ("extends", "feed", "streams", "bars", "event_bars", "regression", "spread", "zscore", "jobs", "alerts", "exports")
FEED, SINK = "feed of quantd.yaml", "sink of quantd.yaml"
_REQUIRED = ("feed", "bars", "regression")
Text = Annotated[str, Meta(min_length=1)]


class Folder:
    """The pipelines beside a quantd.yaml, with `${NAME}` filled in; a name that is not there is looked up among the shipped ones."""

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        given: Mapping[str, Node] | None = None,
        mistakes: list[Mistake] | None = None,
    ) -> None:
        self._path = path
        self._environ = environ
        self._given = given or {}
        self._mistakes = mistakes

    def names(self) -> list[str]:
        """The pipelines of the folder."""
        return sorted({path.stem for path in self._path.glob("*.yaml")} | set(self._given))

    def node(self, name: str, seen: tuple[str, ...] = ()) -> Node:
        """The pipeline's keys, those of what it extends included. Raises QuantdError."""
        node = self._given.get(name) or self._read(name)
        if not isinstance(node.value, dict):
            raise ConfigError([node.mistake("", "expected a mapping: feed, bars, regression and so on")])
        base = node.value.get("extends")
        if base is None:
            return node
        if not isinstance(base.value, str):
            raise ConfigError([base.mistake("extends", "expected a pipeline's name")])
        if base.value in (*seen, name):
            raise ConfigError([base.mistake("extends", f"goes round in a circle: {' -> '.join((*seen, name, base.value))}")])
        below = self._below(base, (*seen, name))
        return Node(below.value | node.value, node.file, node.line, node.column, below.keys | node.keys)

    def _below(self, base: Node, seen: tuple[str, ...]) -> Node:
        try:
            return self.node(base.value, seen)
        except NoPipeline as error:
            raise ConfigError([base.mistake("extends", str(error), error.suggestion)]) from None

    def _read(self, name: str) -> Node:
        path = self._path / f"{name}.yaml"
        if name not in self.names():
            try:
                path = shipped(f"pipelines/{name}.yaml")
            except QuantdError:
                raise NoPipeline(name, path, sorted({*self.names(), *shipped_pipelines()})) from None
        wrong: list[Mistake] = []
        node = read_file(path, wrong)
        substitute(node, self._environ, wrong)
        if self._mistakes is None and wrong:
            raise ConfigError(wrong)
        if self._mistakes is not None:
            self._mistakes += wrong
        return node


class NoPipeline(QuantdError):
    """A name that no pipeline has."""

    def __init__(self, name: str, path: Path, names: Collection[str]) -> None:
        super().__init__(f"no pipeline {name!r}: there is no {path}; there is {', '.join(names) or 'none'}")
        self.suggestion = close_to(name, names)


def read_file(path: Path, mistakes: list[Mistake] | None = None) -> Node:
    """The nodes of a file; see `parse`. Raises ConfigError."""
    try:
        return parse(path.read_bytes().decode(), str(path), mistakes)
    except OSError as error:
        raise ConfigError([Mistake(str(path), 1, 1, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ConfigError([Mistake(str(path), line, column, "", "is not UTF-8 text: save it as UTF-8")]) from None


def read_pipeline(
    reader: Reader, name: str, node: Node, feeds: Mapping[str, Feed | None], sinks: Collection[str], writers: list[Writer]
) -> Pipeline | None:
    """A pipeline of checked parts; None, with the reader's mistakes, if one is not right. Its exporters join the `writers`."""
    before = len(reader.mistakes)
    keys = reader.keys(node, "", KEYS)
    for key in _REQUIRED:
        if key not in keys:
            reader.wrong(node, "", f"{key!r} is missing")
    parts = _Parts(reader, keys, sinks)
    feed = parts.one_of(keys.get("feed"), "feed", feeds, FEED)
    streams = parts.streams(feeds.get(feed) if feed else None)
    bars = parts.bars()
    regression: Regression | None = reader.plugin("regression", keys["regression"], "regression") if "regression" in keys else None
    unread = len(reader.mistakes)
    zscore = _zscore(reader, keys.get("zscore"), regression)
    ranges = _ranges(zscore, regression) if regression and len(reader.mistakes) == unread else {}
    spread = reader.value(keys.get("spread"), "spread", Spread, "hedge")
    jobs = parts.jobs()
    alerts = parts.alerts(jobs, ranges)
    exports = [(reader.plugin("exporter", child, path), child, path) for child, path in reader.items(keys.get("exports"), "exports")]
    writers += [Writer(*export) for export in exports if export[0]]
    events = [reader.plugin("event_bar", child, path) for child, path in reader.items(keys.get("event_bars"), "event_bars")]
    if len(reader.mistakes) > before or not (feed and bars and regression):
        return None
    return Pipeline(
        name,
        feed,
        bars,
        regression,
        zscore,
        spread,
        tuple(jobs),
        tuple(alerts),
        tuple(each for each, *_ in exports),
        tuple(events),
        streams,
    )


def _zscore(reader: Reader, node: Node | None, regression: Regression | None) -> ZScore:
    """The z-score's settings."""
    zscore = reader.struct(node, "zscore", ZScore) or ZScore()
    if node and regression and zscore.method == "innovation" and not regression.predicts:
        at = node.value["method"]
        reader.wrong(at, "zscore.method", "innovation asks for a regression that predicts, like kalman: take that, or window")
    return zscore


def _ranges(zscore: ZScore, regression: Regression) -> dict[str, Range]:
    """The ranges of the pair's own metrics at a close."""
    return close_ranges(z_range(zscore, regression.window), regression.prices)


class _Parts:
    """Reads what depends on the timeframes of `bars`. Where those are not right, nothing is said of what refers to them."""

    def __init__(self, reader: Reader, keys: Mapping[str, Node], sinks: Collection[str]) -> None:
        self._reader = reader
        self._keys = keys
        self._sinks = sinks
        self._every: Collection[str] | None = None

    def streams(self, feed: Feed | None) -> frozenset[Extra]:
        """What is asked for besides trades; of a feed that is known, only what it can bring."""
        asked: set[Extra] = set()
        for child, path in self._reader.items(self._keys.get("streams"), "streams"):
            extra: Extra | None = self._reader.value(child, path, Extra)
            if feed and extra and extra not in feed.brings:
                can = ", ".join(["trades", *sorted(feed.brings)])
                self._reader.wrong(child, path, f"the feed brings no {extra}; it can bring {can}")
            elif extra:
                asked.add(extra)
        return frozenset(asked)

    def bars(self) -> Resampler | None:
        reader, node = self._reader, self._keys.get("bars")
        bars: Resampler | None = reader.plugin("resampler", node, "bars") if node else None
        if node is None or bars is None:
            return None
        before = len(reader.mistakes)
        listed = node.value.get("every") if isinstance(node.value, dict) else None
        for number, every in enumerate(bars.every):
            child = listed.value[number] if listed else node
            at = child.at(every)
            reader.text(at, f"bars.every[{number}]", lambda text: _reachable(text, bars))
            if every in bars.every[:number]:
                reader.wrong(at, f"bars.every[{number}]", f"{every!r} stands here twice")
        if len(reader.mistakes) > before:
            return None
        self._every = bars.every
        return bars

    def jobs(self) -> list[PairJobStage]:
        stages: list[PairJobStage] = []
        given: dict[tuple[str, str], Node] = {}
        for child, path in self._reader.items(self._keys.get("jobs"), "jobs"):
            stage = self._job(child, path)
            if stage and (text := _names_taken(stage, given)):
                self._reader.wrong(child, path, text)
            elif stage:
                stages.append(stage)
                given |= {(stage.every, metric): child for metric in stage.job.metrics}
        return stages

    def _job(self, node: Node, path: str) -> PairJobStage | None:
        job = self._reader.plugin("job", node, path, besides=["every"])
        every = self._timeframe(node, path)
        if job is None:
            return None
        if not isinstance(job, PairJob):
            self._reader.wrong(node, path, "works for the whole daemon: name it under `jobs:` of quantd.yaml")
            return None
        return PairJobStage(every, job) if every else None

    def alerts(self, jobs: Collection[PairJobStage], ranges: Mapping[str, Range]) -> list[Rule]:
        """The rules; `ranges` are those of the pair's own metrics."""
        rules: list[Rule] = []
        whole = len(jobs) == len(list(self._reader.items(self._keys.get("jobs"), "jobs")))
        for child, path in self._reader.items(self._keys.get("alerts"), "alerts"):
            rule = self._rule(child, path, jobs if whole else None, ranges)
            if rule and any(rule.name == other.name for other in rules):
                self._reader.wrong(child, f"{path}.name", f"another alert is named {rule.name!r}: give each a name of its own")
            elif rule:
                rules.append(rule)
        return rules

    def _rule(self, node: Node, path: str, jobs: Collection[PairJobStage] | None, ranges: Mapping[str, Range]) -> Rule | None:
        reader = self._reader
        keys = reader.keys(node, path, ("name", "when", "every", "send", "coverage"))
        for key in ("name", "when") if isinstance(node.value, dict) else ():
            if key not in keys:
                reader.wrong(node, path, f"{key!r} is missing")
        name = reader.value(keys.get("name"), f"{path}.name", Text)
        every = self._timeframe(node, path)
        when = reader.text(keys.get("when"), f"{path}.when", lambda text: _known_metric(text, every, jobs, self._offered))
        sinks = reader.items(keys.get("send"), f"{path}.send")
        send = [self.one_of(child, where, self._sinks, SINK) for child, where in sinks]
        coverage = reader.value(keys.get("coverage"), f"{path}.coverage", Coverage, COVERAGE)
        if when and coverage is not None:
            self._decidable(keys["when"], f"{path}.when", when, {**ranges, "coverage": judged_coverage(coverage), **_of_jobs(jobs, every)})
        if name is None or when is None or not every or None in send or coverage is None:
            return None
        return Rule(name, when, every, tuple(sink for sink in send if sink), coverage)

    def _offered(self, metric: str) -> str:
        """Which job computes a metric, if one does that the pipeline does not name."""
        jobs = {entry.name for entry in self._reader.registry.entries() if metric in getattr(entry.plugin, "metrics", ())}
        return f": the job {' or '.join(sorted(jobs))} computes it, name it under `jobs:`" if jobs else ""

    def _decidable(self, node: Node, path: str, when: Condition, ranges: Mapping[str, Range]) -> None:
        if text := mistake(when, ranges):
            self._reader.wrong(node, path, text)

    def _timeframe(self, node: Node, path: str) -> str | None:
        """The `every` of a job or alert, the first of `bars.every` unless told."""
        given = node.value.get("every") if isinstance(node.value, dict) else None
        if given is None:
            return next(iter(self._every)) if self._every else None
        return self.one_of(given, f"{path}.every", self._every, "timeframe of bars.every")

    def one_of(self, node: Node | None, path: str, names: Collection[str] | None, what: str) -> str | None:
        """A text that is one of `names`, if these are known."""
        text: str | None = self._reader.value(node, path, Text)
        if node is None or text is None or names is None or text in names:
            return text
        section = {FEED: "feeds", SINK: "sinks"}.get(what)
        plugged = section and text in self._reader.registry.names(section.removesuffix("s"))
        hint = f": write `{section}: {{{text}: {{}}}}` there" if plugged else ""
        self._reader.wrong(node, path, f"no {what} is named {text!r}; there is {', '.join(names) or 'none'}{hint}", close_to(text, names))
        return None


def _names_taken(stage: PairJobStage, given: Mapping[tuple[str, str], Node]) -> str | None:
    """A text on the names of a job's metrics that are not its own; `given` holds those of other jobs, by timeframe and name."""
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


def _of_jobs(jobs: Collection[PairJobStage] | None, every: str | None) -> dict[str, Range]:
    """The ranges of the metrics of the jobs that run at a timeframe."""
    metrics = [(stage.job, metric) for stage in jobs or () if stage.every == every for metric in stage.job.metrics]
    return {metric: between(metric, *job.ranges.get(metric, (-math.inf, math.inf))) for job, metric in metrics}


def _comparable(condition: Condition, words: Sequence[str] | None) -> None:
    """Raises Invalid where a number is compared with a text, or a text with what it never is. `words` is None of a number."""
    if (words is not None) != isinstance(condition.value, str):
        raise Invalid(f"{condition.metric!r} is a {'number: compare it with one' if words is None else 'text: compare it with a word'}")
    if words and condition.value not in words:
        raise Invalid(f"{condition.metric!r} is never {condition.value!r}; it is {', '.join(words)}", close_to(str(condition.value), words))


def _known_metric(text: str, every: str | None, jobs: Collection[PairJobStage] | None, offered: Callable[[str], str]) -> Condition:
    """A condition on what the points of a timeframe hold. Without `jobs`, their metrics are not known, and any name will do."""
    condition = parse_condition(text)
    if condition.metric in METRICS and isinstance(condition.value, str):
        raise Invalid(f"{condition.metric!r} is a number: compare it with one")
    if condition.metric in METRICS or jobs is None:
        return condition
    computed = [stage.every for stage in jobs if condition.metric in stage.job.metrics]
    if not computed:
        known = [*METRICS, *dict.fromkeys(metric for stage in jobs for metric in stage.job.metrics)]
        hint = offered(condition.metric)
        meant = None if hint else close_to(condition.metric, known)
        raise Invalid(f"no metric {condition.metric!r}; there is {', '.join(known)}{hint}", meant)
    if every and every not in computed:
        raise Invalid(f"{condition.metric!r} is computed at {', '.join(computed)}, not at {every}: change one `every`")
    giving = (stage.job for stage in jobs if condition.metric in stage.job.metrics and every in (None, stage.every))
    _comparable(condition, next(giving).texts.get(condition.metric))
    return condition
