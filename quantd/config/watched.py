"""Checks the `alerts:` of quantd.yaml: what each rule watches must be in the config, and its condition must mean something for that."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec import Struct

from quantd.config.model import PairEntry, Pipeline
from quantd.config.own_settings import is_own, own_pipeline
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.config.reader import Reader
from quantd.config.rule_checks import RuleChecks
from quantd.config.rules import WatchedRule
from quantd.config.sections import Part
from quantd.config.subjects import Subject, metric_ranges, offered
from quantd.errors import close_to


class Watchable(Struct, frozen=True):
    """The pairs and symbols of the config, which a rule can watch, and the sinks to which it can send.
    Pipelines with mistakes are left out."""

    pairs: Sequence[PairEntry]
    symbols: Collection[str]
    pipelines: Mapping[str, Pipeline]
    sinks: Collection[str]

    def through(self, rule: WatchedRule) -> list[str]:
        """Return the names of the pipelines through which a rule's pair or symbol goes; none if the config does not have it."""
        if rule.pair:
            return [pair.pipeline for pair in self.pairs if pair.name == rule.pair]
        own = [DEFAULT_PIPELINE] if rule.symbol in self.symbols else []
        return [*own, *(pair.pipeline for pair in self.pairs if rule.symbol in (pair.y, pair.x))]


def watched_rules(reader: Reader, alerts: Part, there: Watchable) -> tuple[WatchedRule, ...]:
    """Return the rules without a mistake, each with its timeframe."""
    rules: dict[str, WatchedRule] = {}
    for part in alerts.items:
        rule: WatchedRule | None = part.value
        if rule is None or part.node is None:
            continue
        if text := _name_taken(rule, rules, there):
            name = part.keys["name"]
            reader.wrong(name.node or part.node, name.path, text)
        elif checked := checked_rule(reader, part, rule, there):
            rules[rule.name] = checked
    return tuple(rules.values())


def _name_taken(rule: WatchedRule, others: Mapping[str, WatchedRule], there: Watchable) -> str | None:
    if rule.name in others:
        return f"another alert is named {rule.name!r}: give each a name of its own"
    for name in there.through(rule) if rule.pair else ():
        if name in there.pipelines and any(rule.name == other.name for other in there.pipelines[name].alerts):
            return f"the pipeline {name!r} has an alert {rule.name!r} on {rule.pair}: give each a name of its own"
    return None


def checked_rule(reader: Reader, part: Part, rule: WatchedRule, there: Watchable) -> WatchedRule | None:
    """Return a rule with its timeframe; None, with the mistakes noted in the reader, if something is wrong."""
    before = len(reader.mistakes)
    _check_sinks(reader, part, there)
    through = there.through(rule)
    if not through:
        _nothing_there(reader, part, rule, there)
        return None
    pipelines = [there.pipelines[name] for name in dict.fromkeys(through) if name in there.pipelines]
    if pipelines and is_own(rule, pipelines[0]):
        own = own_pipeline(reader, part, pipelines[0])
        pipelines = [own] if own else []
    if not pipelines:
        return None
    every = _timeframe(reader, part, pipelines)
    legs = (rule.symbol,) if rule.symbol else tuple(rule.pair.split("-"))
    pipeline = pipelines[0]
    ranges = metric_ranges(pipeline.zscore, pipeline.regression)
    subject = Subject(name=rule.of, legs=legs, jobs=pipeline.jobs, ranges=ranges, offered=offered(reader.registry))
    RuleChecks(reader).sound(part, subject, every)
    return msgspec.structs.replace(rule, every=every) if every and len(reader.mistakes) == before else None


def _check_sinks(reader: Reader, part: Part, there: Watchable) -> None:
    for sink in part.keys["send"].items:
        if sink.node and sink.value and sink.value not in there.sinks:
            message = f"no sink of quantd.yaml is named {sink.value!r}; there is {', '.join(there.sinks) or 'none'}"
            reader.wrong(sink.node, sink.path, message, close_to(sink.value, there.sinks))


def _nothing_there(reader: Reader, part: Part, rule: WatchedRule, there: Watchable) -> None:
    key = part.keys["of"]
    legs = [leg for pair in there.pairs for leg in (pair.y, pair.x)]
    known = [pair.name for pair in there.pairs] if rule.pair else [*there.symbols, *legs]
    section = "pairs" if rule.pair else "symbols"
    if key.node:
        message = f"the config does not have {rule.of}: add it to `{section}:`"
        reader.wrong(key.node, key.path, message, close_to(rule.of, known))


def _timeframe(reader: Reader, part: Part, pipelines: Sequence[Pipeline]) -> str | None:
    """Return the `every` of a rule; the default is the first timeframe of the first pipeline."""
    every = part.keys["every"]
    known = list(dict.fromkeys(text for pipeline in pipelines for text in pipeline.bars.every))
    if every.node is None or not every.value:
        return known[0]
    if every.value in known:
        return str(every.value)
    message = f"no timeframe of bars.every is named {every.value!r}; there is {', '.join(known)}"
    reader.wrong(every.node, every.path, message, close_to(every.value, known))
    return None
