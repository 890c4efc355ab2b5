"""Checks that every bar has one maker: all pipelines that a symbol goes through must make its bars in the same way, from the same feed.

The trades of a symbol are taken in once, and its bars are made once for all pipelines together, in every timeframe that one of them names.
Everything that determines the bars must therefore be the same in all of them, except for the timeframes. The same holds for two rules of
event bars with one label.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from typing import Any, NamedTuple

from quantd.config.model import Pipeline
from quantd.config.node import Node, shown
from quantd.config.reader import Reader
from quantd.plugin.base import EventBars, Plugin
from quantd.timeframes import duration


class Mention(NamedTuple):
    """A symbol that goes through a pipeline, and the place in the config that says so."""

    symbol: str
    pipeline: str
    node: Node
    path: str


class _Read(NamedTuple):
    """A pipeline with its nodes."""

    pipeline: Pipeline
    node: Node


class _Difference(NamedTuple):
    """A setting in which two pipelines differ: its path, its place and value in each, and what it makes."""

    path: str
    nodes: tuple[Node, Node]
    values: tuple[str, str]
    what: str


def one_maker_a_bar(reader: Reader, mentions: Iterable[Mention], pipelines: Mapping[str, Pipeline], nodes: Mapping[str, Node]) -> None:
    """Note every pair of pipelines that share a symbol and make its bars differently. `nodes` are the nodes of the pipelines."""
    read = {name: _Read(pipeline, nodes[name]) for name, pipeline in pipelines.items()}
    through: dict[str, dict[str, Mention]] = {}
    for mention in mentions:
        if mention.pipeline in read:
            through.setdefault(mention.symbol, {}).setdefault(mention.pipeline, mention)
    told: set[tuple[str, str]] = set()
    for first, other in (both for mentioned in through.values() for both in combinations(mentioned.values(), 2)):
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
    """Return the rules of the pipeline's event bars, each with its node."""
    rules = read.pipeline.event_bars
    return list(zip(rules, read.node.value["event_bars"].value, strict=True)) if rules else []


def _of_plugins(path: str, plugins: tuple[Plugin, Plugin], nodes: tuple[Node, Node], what: str) -> Iterator[_Difference]:
    """Return the settings in which two plugins differ, except for the timeframes; if the plugins are of different classes, only that
    difference."""
    first, other = plugins
    if type(first) is not type(other):
        yield _Difference(path, nodes, (_used(nodes[0]), _used(nodes[1])), what)
        return
    for key in type(first).__struct_fields__:
        values = getattr(first, key), getattr(other, key)
        if key != "every" and not _is_same(*values):
            places = _child(nodes[0], key), _child(nodes[1], key)
            yield _Difference(f"{path}.{key}", places, (f"{key}: {values[0]}", f"{key}: {values[1]}"), what)


def _is_same(one: object, other: object) -> bool:
    """Return whether two values of a setting are equal. Durations are equal in any spelling: `5m` is `300s`."""
    if isinstance(one, str) and isinstance(other, str):
        with suppress(ValueError):
            return duration(one) == duration(other)
    return one == other


def _child(node: Node, key: str) -> Node:
    """Return the node of a setting if it is given, else the node of the whole."""
    given: Any = node.value.get(key) if isinstance(node.value, dict) else None
    return given or node


def _used(node: Node) -> str:
    use = node.value.get("use", node) if isinstance(node.value, dict) else node
    return f"use: {use.value}" if isinstance(use.value, str) else shown(use)


def _place(node: Node) -> str:
    return f"{node.file}:{node.line}:{node.column}" if node.line else node.file
