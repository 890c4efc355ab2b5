"""Reads `pipelines/*.yaml`: how a pair is processed, top to bottom."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from quantd.config.model import PairJobStage, Pipeline
from quantd.config.reader import Reader, close_to
from quantd.config.rules import METRICS, Condition, Rule, parse_condition
from quantd.config.shipped import shipped
from quantd.config.yaml12 import Node, parse
from quantd.errors import ConfigError, Mistake, QuantdError
from quantd.plugin.base import Exporter, PairJob, Resampler
from quantd.timeframes import timeframe

KEYS = ("extends", "feed", "bars", "regression", "zscore", "jobs", "alerts", "exports")
_REQUIRED = ("feed", "bars", "regression")
_Window = Annotated[int, Meta(ge=2, le=100_000)]
Text = Annotated[str, Meta(min_length=1)]


class Folder:
    """The pipelines beside a quantd.yaml; a name that is not there is looked up among the shipped ones."""

    def __init__(self, path: Path, given: Mapping[str, Node] | None = None) -> None:
        self._path = path
        self._given = given or {}

    def names(self) -> list[str]:
        """The pipelines of the folder."""
        return sorted({path.stem for path in self._path.glob("*.yaml")} | set(self._given))

    def node(self, name: str, seen: tuple[str, ...] = ()) -> Node:
        """The pipeline's keys, those of what it extends included. Raises ConfigError."""
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
        try:
            below = self.node(base.value, (*seen, name))
        except QuantdError as error:
            raise error if isinstance(error, ConfigError) else ConfigError([base.mistake("extends", str(error))]) from None
        return Node(below.value | node.value, node.file, node.line, node.column, below.keys | node.keys)

    def _read(self, name: str) -> Node:
        path = self._path / f"{name}.yaml"
        if not path.is_file():
            try:
                path = shipped(f"pipelines/{name}.yaml")
            except QuantdError:
                have = ", ".join(self.names()) or "none"
                raise QuantdError(f"no pipeline {name!r}: there is no {self._path / name}.yaml; there is {have}") from None
        return read_file(path)


def read_file(path: Path) -> Node:
    """The nodes of a file. Raises ConfigError."""
    try:
        return parse(path.read_bytes().decode(), str(path))
    except OSError as error:
        raise ConfigError([Mistake(str(path), 1, 1, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Mistake(str(path), 1, 1, "", f"is not UTF-8 text (byte {error.start})")]) from None


def read_pipeline(reader: Reader, name: str, node: Node, feeds: Collection[str], sinks: Collection[str]) -> Pipeline | None:
    """A pipeline of checked parts; None, with the reader's mistakes, if one is not right."""
    before = len(reader.mistakes)
    reader.unknown_keys(node, "", KEYS)
    for key in _REQUIRED:
        if key not in node.value:
            reader.wrong(node, "", f"{key!r} is missing")
    get = node.value.get
    feed = _one_of(reader, get("feed"), "feed", feeds, "feed of quantd.yaml")
    bars = _bars(reader, get("bars"))
    regression = reader.plugin("regression", get("regression"), "regression") if "regression" in node.value else None
    zscore = {key: (child, path) for key, child, path in reader.mapping(get("zscore"), "zscore")}
    if get("zscore"):
        reader.unknown_keys(get("zscore"), "zscore", ["window"])
    default = regression.window if regression else 60
    window = reader.value(*zscore["window"], _Window, default) if "window" in zscore else default
    every = bars.every if bars else ()
    jobs = [stage for child, path in reader.items(get("jobs"), "jobs") if (stage := _job(reader, child, path, every))]
    metrics = [*METRICS, *(metric for stage in jobs for metric in stage.job.metrics)]
    alerts = [rule for child, path in reader.items(get("alerts"), "alerts") if (rule := _rule(reader, child, path, every, metrics, sinks))]
    exports = _exports(reader, get("exports"))
    if len(reader.mistakes) > before or bars is None or regression is None:
        return None
    return Pipeline(name, feed, bars, regression, window, tuple(jobs), tuple(alerts), tuple(exports))


def _bars(reader: Reader, node: Node | None) -> Resampler | None:
    if node is None:
        return None
    bars: Resampler | None = reader.plugin("resampler", node, "bars")
    if bars is None:
        return None
    listed = node.value.get("every") if isinstance(node.value, dict) else None
    children = listed.value if listed and isinstance(listed.value, list) else [node] * len(bars.every)
    right = True
    for name, child in zip(bars.every, children, strict=True):
        right &= (
            reader.text(Node(name, child.file, child.line, child.column), "bars.every", lambda text: _reachable(text, bars)) is not None
        )
    return bars if right else None


def _reachable(every: str, bars: Resampler) -> str:
    if not timeframe(every).holds(timeframe(bars.base)):
        raise ValueError(f"{every} cannot be made of bars of {bars.base}")
    return every


def _job(reader: Reader, node: Node, path: str, every: Collection[str]) -> PairJobStage | None:
    job = reader.plugin("job", node, path, besides=["every"])
    if job is None:
        return None
    if not isinstance(job, PairJob):
        reader.wrong(node, path, "works for the whole daemon: name it under `jobs:` of quantd.yaml")
        return None
    given = node.value.get("every") if isinstance(node.value, dict) else None
    chosen = _one_of(reader, given, f"{path}.every", every, "timeframe of bars.every") if given else next(iter(every), "")
    return PairJobStage(chosen, job) if chosen else None


def _rule(reader: Reader, node: Node, path: str, every: Collection[str], metrics: Collection[str], sinks: Collection[str]) -> Rule | None:
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "expected a mapping: name, when, every, send")
        return None
    reader.unknown_keys(node, path, ("name", "when", "every", "send"))
    for key in ("name", "when"):
        if key not in node.value:
            reader.wrong(node, path, f"{key!r} is missing")
    get = node.value.get
    name = reader.value(get("name"), f"{path}.name", Text)
    when = reader.text(get("when"), f"{path}.when", lambda text: _known_metric(text, metrics))
    frame = _one_of(reader, get("every"), f"{path}.every", every, "timeframe of bars.every") if get("every") else next(iter(every), "")
    send = [_one_of(reader, child, where, sinks, "sink of quantd.yaml") for child, where in reader.items(get("send"), f"{path}.send")]
    if name is None or when is None or not frame or None in send:
        return None
    return Rule(name, when, frame, tuple(sink for sink in send if sink))


def _known_metric(text: str, metrics: Collection[str]) -> Condition:
    condition = parse_condition(text)
    if condition.metric not in metrics:
        raise ValueError(f"no metric {condition.metric!r}; there is {', '.join(metrics)}")
    return condition


def _exports(reader: Reader, node: Node | None) -> list[Exporter]:
    made = [reader.plugin("exporter", child, path) for child, path in reader.items(node, "exports")]
    return [exporter for exporter in made if exporter]


def _one_of(reader: Reader, node: Node | None, path: str, names: Collection[str], what: str) -> Any:
    """A text that is one of `names`."""
    text = reader.value(node, path, Text)
    if node is None or text is None or text in names:
        return text
    reader.wrong(node, path, f"no {what} is named {text!r}; there is {', '.join(names) or 'none'}", close_to(text, names))
    return None
