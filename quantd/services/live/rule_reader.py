"""Reads the alert rules of requests, which are written in the words of a config."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from quantd.config.load import as_node
from quantd.config.model import Config, Pipeline
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.config.reader import Reader
from quantd.config.rules import WatchedRule
from quantd.config.sections import Part, read_section
from quantd.config.texts import as_span
from quantd.errors import ConfigError
from quantd.plugin.registry import Registry
from quantd.services.analytics import Question
from quantd.times import iso

_REQUEST = "rule"
"""The place of mistakes, which are in no file."""


class ReadRule(Struct, frozen=True):
    """A rule that was read. `question` asks for its points, if the pair's pipeline makes other ones."""

    rule: WatchedRule
    question: Question | None = None


class RuleReader:
    """Reads rules against a config."""

    def __init__(self, config: Config, registry: Registry) -> None:
        self._config = config
        self._registry = registry

    def read(self, keys: Mapping[str, Any]) -> ReadRule:
        """Return the rule of these keys. Raises ConfigError with every mistake."""
        reader = Reader(self._registry)
        part = read_section(reader, as_node(_watched(keys), _REQUEST), "", WatchedRule)
        rule: WatchedRule | None = part.value
        question = self._question(reader, rule, part) if rule and rule.pair else None
        if reader.mistakes or rule is None:
            raise ConfigError(reader.mistakes)
        return ReadRule(rule, question)

    def _question(self, reader: Reader, rule: WatchedRule, part: Part) -> Question | None:
        """Return the question that a rule with a window, regression or timeframe of its own asks."""
        return None

    def pipeline(self, of: str) -> Pipeline | None:
        """Return the pipeline of a pair or symbol: if the config does not name it, the one of such guests."""
        pipelines = self._config.pipelines
        named = next((pair.pipeline for pair in self._config.pairs if pair.name == of), DEFAULT_PIPELINE)
        return pipelines.get(named) or next(iter(pipelines.values()), None)


def _watched(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys with `of` as the config writes it, and with a name."""
    of, others = keys.get("of"), {key: value for key, value in keys.items() if key != "of" and value is not None}
    watched = {} if of is None else {"pair" if isinstance(of, str) and "-" in of else "symbol": of}
    return {"name": keys.get("when"), **others, **watched}


def with_end(keys: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return the keys with `expires` as a time, if it is a length of time from now on."""
    ends = keys.get("expires")
    if isinstance(ends, str) and re.fullmatch(r"[0-9]+(ms|s|m|h|d)", ends):
        with suppress(ValueError):
            return {**keys, "expires": iso(now + as_span(ends))}
    return dict(keys)
