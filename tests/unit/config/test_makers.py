"""A symbol that goes through several pipelines has its bars made in one way."""

import re
from pathlib import Path

import pytest

from quantd.config.load import load
from quantd.errors import ConfigError

FEEDS = "feeds: {synthetic: {}, other: {use: synthetic}}\n"
PIPELINE = "feed: synthetic\nbars: {use: time, every: [1s, 1m]}\nregression: ols\n"
COARSE = '''
"""Bars of a minute, and event bars of which the label does not tell all settings."""
import quantd
from quantd_plugins.event_bars.tick import TickBars
from quantd_plugins.resamplers.time import TimeBars

class Coarse(TimeBars):
    """As those of time."""

class Some(TickBars):
    """Of some trades."""

    @property
    def label(self):
        return "some"

@quantd.hookimpl
def register_resamplers(register):
    register("coarse", Coarse)

@quantd.hookimpl
def register_event_bars(register):
    register("some", Some)
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "coarse.py").write_text(COARSE)
    return tmp_path


def mistakes(config: str, **pipelines: str) -> list[str]:
    Path("quantd.yaml").write_text(FEEDS + config)
    for name, text in pipelines.items():
        Path(f"pipelines/{name}.yaml").write_text(text)
    try:
        load(None, {})
    except ConfigError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


def test_the_setting_that_differs_is_named_with_both_pipelines_and_places(home: Path) -> None:
    slow = PIPELINE.replace("[1s, 1m]", "[5m], reopen: 9m")
    assert mistakes("pairs: [A-B, {C-B: slow}, {D-B: slow}]\n", default=PIPELINE, slow=slow) == [
        "pipelines/slow.yaml:2:40: bars.reopen: B goes through the pipelines 'default' and 'slow', which make its bars in two ways: here "
        "it is reopen: 9m, and at pipelines/default.yaml:2:7 it is reopen: 5m; write the same in both, or take the symbol out of one"
    ]


def test_a_symbol_without_a_pair_counts_too(home: Path) -> None:
    (found,) = mistakes("pairs: [{C-B: slow}]\nsymbols: [A, B]\n", default=PIPELINE, slow=PIPELINE.replace("1m]", "1m], reopen: 9m"))
    assert re.match(r"pipelines/default.yaml:2:7: bars.reopen: B goes through the pipelines 'slow' and 'default'", found)


def test_another_resampler_is_another_way(home: Path) -> None:
    (found,) = mistakes("pairs: [A-B, {C-B: other}]\n", default=PIPELINE, other=PIPELINE.replace("use: time", "use: coarse"))
    assert "here it is use: coarse, and at pipelines/default.yaml:2:7 it is use: time" in found


def test_other_timeframes_and_other_symbols_are_no_mistake(home: Path) -> None:
    other = PIPELINE.replace("[1s, 1m]", "[1s, 5m]") + "event_bars: [{use: tick, count: 5}]\n"
    assert mistakes("pairs: [A-B, {C-B: other}]\n", default=PIPELINE + "event_bars: [{use: tick, count: 9}]\n", other=other) == []
    assert mistakes("pairs: [A-B, {C-D: other}]\n", default=PIPELINE, other=PIPELINE.replace("1m]", "1m], reopen: 9m")) == []


def test_a_duration_in_another_spelling_is_the_same(home: Path) -> None:
    spelt = [PIPELINE.replace("1m]", f"1m], reopen: {reopen}") for reopen in ("5m", "300s")]
    assert mistakes("pairs: [A-B, {C-B: other}]\n", default=spelt[0], other=spelt[1]) == []


def test_two_rules_under_one_label_are_a_mistake(home: Path) -> None:
    rules = [PIPELINE + f"event_bars: [{{use: tick, count: 9}}, {{use: some, count: {count}}}]\n" for count in (7, 8)]
    (found,) = mistakes("pairs: [A-B, {C-B: other}]\n", default=rules[0], other=rules[1])
    assert found.startswith("pipelines/other.yaml:4:56: event_bars[1].count: B goes through the pipelines 'default' and 'other', ")
    assert "its bars 'some' in two ways: here it is count: 8, and at pipelines/default.yaml:4:56 it is count: 7" in found


def test_two_rules_under_one_label_are_a_mistake_where_the_first_pipeline_has_none(home: Path) -> None:
    rules = [PIPELINE + f"event_bars: [{{use: some, count: {count}}}]\n" for count in (7, 8)]
    (found,) = mistakes("pairs: [A-B, {C-B: some}, {D-B: other}]\n", default=PIPELINE, some=rules[0], other=rules[1])
    assert "B goes through the pipelines 'some' and 'other', which make its bars 'some' in two ways" in found


def test_a_symbol_comes_from_one_feed(home: Path) -> None:
    assert mistakes("pairs: [A-B, {C-B: far}]\n", default=PIPELINE, far=PIPELINE.replace("synthetic", "other")) == [
        "quantd.yaml:2:14: pairs[1]: B goes through the pipelines 'default' and 'far', of the feeds 'synthetic' and 'other', whose trades "
        "its record would mix: take it from one feed"
    ]
