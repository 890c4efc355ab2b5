"""Reads the alert rules of requests, which are written in the words of a config."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from quantd.config.load import as_node
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.config.own_settings import has_own, is_own, own_zscore
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.config.reader import Reader
from quantd.config.rules import WatchedRule
from quantd.config.sections import read_section
from quantd.config.texts import as_legs, as_span
from quantd.config.watched import Watchable, checked_rule
from quantd.errors import ConfigError, Mistake
from quantd.plugin.registry import Registry
from quantd.services.analytics import Question, Style
from quantd.times import iso

_REQUEST = "rule"
"""What mistakes name in place of a file."""

_OPTIONAL = frozenset({"name", "every", "until", "expires", "window", "regression"})
"""Keys that may be null, which is as if they were not given."""


class ReadRule(Struct, frozen=True):
    """A rule that was read. `question` asks for its points, if the pipeline of its pair makes other ones."""

    rule: WatchedRule
    question: Question | None = None


class RuleReader:
    """Reads rules against a config."""

    def __init__(self, config: Config, registry: Registry) -> None:
        self._config = config
        self._registry = registry
        self._default = DEFAULT_PIPELINE if DEFAULT_PIPELINE in config.pipelines else next(iter(config.pipelines), DEFAULT_PIPELINE)

    def read(self, keys: Mapping[str, Any]) -> ReadRule:
        """Return the rule of these keys, which are those of a rule in quantd.yaml. Raises ConfigError with every mistake."""
        reader = Reader(self._registry)
        part = read_section(reader, as_node(named(keys), _REQUEST), "", WatchedRule)
        rule = checked_rule(reader, part, part.value, self._watchable(part.value)) if part.value else None
        if reader.mistakes or rule is None:
            raise ConfigError(reader.mistakes or [Mistake(_REQUEST, 0, 0, "", "is no rule")])
        return ReadRule(rule, self.question(rule))

    def with_own(self) -> list[ReadRule]:
        """Return the rules of quantd.yaml that have settings of their own."""
        return [ReadRule(rule, self.question(rule)) for rule in self._config.alerts if has_own(rule, self._config)]

    def question(self, rule: WatchedRule) -> Question | None:
        """Return the question whose points a rule judges; None if these are the points of its pipeline."""
        pipeline = self._config.pipelines.get(self._pipeline_of(rule.of))
        if pipeline is None or not is_own(rule, pipeline):
            return None
        y, x = as_legs(rule.pair)
        style = Style(pipeline.spread, own_zscore(rule, pipeline), pipeline.regression.prices)
        return Question(y, x, rule.every, rule.window or pipeline.regression.window, rule.regression or self._name(pipeline), style)

    def _pipeline_of(self, of: str) -> str:
        return next((pair.pipeline for pair in self._config.pairs if pair.name == of), self._default)

    def _watchable(self, rule: WatchedRule) -> Watchable:
        """Return what the config has, and what the rule watches: it will be processed like a guest if the config does not have it."""
        config, pipelines = self._config, self._config.pipelines
        guests = [PairEntry(*as_legs(rule.pair), self._pipeline_of(rule.pair))] if rule.pair else []
        default = {DEFAULT_PIPELINE: pipelines[self._default]} if self._default in pipelines else {}
        return Watchable([*config.pairs, *guests], [*config.symbols, rule.symbol], default | pipelines, tuple(config.sinks))

    def _name(self, pipeline: Pipeline) -> str:
        """Return the name of a pipeline's regression."""
        made = type(pipeline.regression)
        return next(entry.name for entry in self._registry.entries() if entry.plugin is made)


def with_end(keys: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return the keys with `expires` as a time, if it is a length of time from now on."""
    ends = keys.get("expires")
    if isinstance(ends, str) and re.fullmatch(r"[0-9]+(ms|s|m|h|d)", ends):
        with suppress(ValueError):
            return {**keys, "expires": iso(now + as_span(ends))}
    return dict(keys)


def named(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a request with a name. An optional key that is null is left out."""
    given = {key: value for key, value in keys.items() if value is not None or key not in _OPTIONAL}
    name = {"name": given["when"]} if isinstance(given.get("when"), str) else {}
    return name | given
