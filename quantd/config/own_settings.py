"""The settings with which a rule on a pair has points of its own made: another window, regression or timeframe than its pipeline has."""

import msgspec
from msgspec.structs import replace

from quantd.conditions.model import clauses
from quantd.config.model import Config, Pipeline
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.rules import WatchedRule
from quantd.config.sections import Part
from quantd.errors import close_to
from quantd.plugin.regression import Regression
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe

_NOWHERE = Node(None, "", 0)


def is_own(rule: WatchedRule, pipeline: Pipeline) -> bool:
    """Return whether the points of a rule on a pair are made with other settings than those of its pipeline."""
    return bool(rule.pair) and bool(rule.window or rule.regression or (rule.every and rule.every not in pipeline.bars.every))


def has_own(rule: WatchedRule, config: Config) -> bool:
    """Return whether the points of a rule of a config are made with other settings than those of its pair's pipeline."""
    return any(is_own(rule, config.pipelines[pair.pipeline]) for pair in config.pairs if pair.name == rule.pair)


def own_pipeline(reader: Reader, part: Part, pipeline: Pipeline) -> Pipeline | None:
    """Return the pipeline with the settings of a rule; None, with the mistake noted, if there is no such regression or timeframe."""
    keys, rule = part.keys, part.value
    if rule.on == "tick":
        message = "a window, regression or timeframe other than the pipeline's is judged at closes only: take `on: tick` out"
        reader.wrong(keys["on"].node or _NOWHERE, keys["on"].path, message)
        return None
    every = rule.every or pipeline.bars.every[0]
    for key in ("when", "until"):
        if any(clause.term.bars and not clause.term.of for clause in (clauses(keys[key].value) if keys[key].value else ())):
            message = "points with settings of the rule's own are not kept: `move` is of a leg then, as in `move(price of y, 5)`"
            reader.wrong(keys[key].node or _NOWHERE, keys[key].path, message)
            return None
    try:
        if not timeframe(every).holds(timeframe(pipeline.bars.base)):
            raise ValueError(f"{every} cannot be made of bars of {pipeline.bars.base}")
    except ValueError as error:
        reader.wrong(keys["every"].node or _NOWHERE, keys["every"].path, str(error))
        return None
    regression = _regression(reader, keys["regression"], rule, pipeline)
    bars = replace(pipeline.bars, every=tuple(dict.fromkeys((*pipeline.bars.every, every))))
    return replace(pipeline, bars=bars, regression=regression, zscore=own_zscore(rule, pipeline), jobs=()) if regression else None


def own_zscore(rule: WatchedRule, pipeline: Pipeline) -> ZScore:
    """Return how the z-score of a rule is made: a window of its own is that of the z-score, too."""
    return replace(pipeline.zscore, window=None) if rule.window else pipeline.zscore


def _regression(reader: Reader, key: Part, rule: WatchedRule, pipeline: Pipeline) -> Regression | None:
    found: Regression = pipeline.regression
    window = rule.window or found.window
    if rule.regression:
        entry, names = reader.registry.get("regression", rule.regression), reader.registry.names("regression")
        if entry is None:
            message = f"no regression {rule.regression!r}; there is {', '.join(names)}"
            reader.wrong(key.node or _NOWHERE, key.path, message, close_to(rule.regression, names))
            return None
        try:
            found = msgspec.convert({"prices": found.prices, "window": window}, entry.plugin)  # type: ignore[assignment]
        except msgspec.ValidationError as error:
            reader.wrong(key.node or _NOWHERE, key.path, f"{rule.regression!r} cannot be taken in a rule: {error}")
            return None
        if pipeline.zscore.method == "innovation" and not found.predicts:
            message = f"{rule.regression!r} does not predict, as the z-score `innovation` of pipeline {pipeline.name!r} needs it"
            reader.wrong(key.node or _NOWHERE, key.path, message)
            return None
    return replace(found, window=window)
