"""One maker a bar: the pipelines that a symbol goes through make its bars in one way, of one feed.

A symbol's trades are taken in once, and its bars are made once, for all pipelines together: of each timeframe that one of them names. So
what makes the bars must be the same in all of them but for the timeframes; so must two rules of event bars that have one label.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from quantd.config.model import Pipeline
from quantd.config.node import Node, shown
from quantd.config.reader import Reader
from quantd.plugin.base import EventBars, Plugin


class Mention(NamedTuple):
    """A symbol that goes through a pipeline, and where the config says so."""

    symbol: str
    pipeline: str
    node: Node
    path: str


class _Read(NamedTuple):
    """A pipeline, and its keys as they stand."""

    pipeline: Pipeline
    node: Node


class _Difference(NamedTuple):
    """Something that two pipelines have differently: its path, where it stands in each, what it is there, and what it makes."""

    path: str
    nodes: tuple[Node, Node]
    values: tuple[str, str]
    what: str


def one_maker_a_bar(reader: Reader, mentions: Iterable[Mention], pipelines: Mapping[str, Pipeline], nodes: Mapping[str, Node]) -> None:
    """Note each two pipelines that one symbol goes through and that make its bars differently. `nodes` are the pipelines as they stand."""
    read = {name: _Read(pipeline, nodes[name]) for name, pipeline in pipelines.items()}
    through: dict[str, dict[str, Mention]] = {}
    for mention in mentions:
        if mention.pipeline in read:
            through.setdefault(mention.symbol, {}).setdefault(mention.pipeline, mention)
    told: set[tuple[str, str]] = set()
    for first, *others in (list(mentioned.values()) for mentioned in through.values()):
        for other in others:
            if (first.pipeline, other.pipeline) not in told:
                told.add((first.pipeline, other.pipeline))
                _compare(reader, other, read[first.pipeline], read[other.pipeline])


def _compare(reader: Reader, mention: Mention, first: _Read, other: _Read) -> None:
    both = f"{mention.symbol} goes through the pipelines {first.pipeline.name!r} and {other.pipeline.name!r}"
    feeds = first.pipeline.feed, other.pipeline.feed
    if feeds[0] != feeds[1]:
        text = f"{both}, of the feeds {feeds[0]!r} and {feeds[1]!r}, whose trades its record would mix: take it from one feed"
        reader.wrong(mention.node, mention.path, text)
        return
    for path, (there, here), (value, own), what in _differences(first, other):
        text = f"{both}, which make its {what} in two ways: here it is {own}, and at {_place(there)} it is {value}"
        reader.wrong(here, path, f"{text}; write the same in both, or take the symbol out of one")


def _differences(first: _Read, other: _Read) -> Iterator[_Difference]:
    bars = first.node.value["bars"], other.node.value["bars"]
    yield from _of_plugins("bars", (first.pipeline.bars, other.pipeline.bars), bars, "bars")
    known = {rule.label: (rule, node) for rule, node in _rules(first)}
    for number, (rule, node) in enumerate(_rules(other)):
        if rule.label in known:
            same, there = known[rule.label]
            yield from _of_plugins(f"event_bars[{number}]", (same, rule), (there, node), f"bars {rule.label!r}")


def _rules(read: _Read) -> list[tuple[EventBars, Node]]:
    """The rules of its event bars, each where it stands."""
    rules = read.pipeline.event_bars
    return list(zip(rules, read.node.value["event_bars"].value, strict=True)) if rules else []


def _of_plugins(path: str, plugins: tuple[Plugin, Plugin], nodes: tuple[Node, Node], what: str) -> Iterator[_Difference]:
    """The settings in which they differ, but for the timeframes; of two kinds of plugins only that."""
    first, other = plugins
    if type(first) is not type(other):
        yield _Difference(path, nodes, (_used(nodes[0]), _used(nodes[1])), what)
        return
    for key in type(first).__struct_fields__:
        values = getattr(first, key), getattr(other, key)
        if key != "every" and values[0] != values[1]:
            places = _child(nodes[0], key), _child(nodes[1], key)
            yield _Difference(f"{path}.{key}", places, (f"{key}: {values[0]}", f"{key}: {values[1]}"), what)


def _child(node: Node, key: str) -> Node:
    """Where a setting stands if it is given, else the whole."""
    given: Any = node.value.get(key) if isinstance(node.value, dict) else None
    return given or node


def _used(node: Node) -> str:
    use = node.value.get("use", node) if isinstance(node.value, dict) else node
    return f"use: {use.value}" if isinstance(use.value, str) else shown(use)


def _place(node: Node) -> str:
    return f"{node.file}:{node.line}:{node.column}" if node.line else node.file
