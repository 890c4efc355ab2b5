"""Plugins that are none: each is refused when it is loaded, and told the line of its own file that is wrong."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from quantd.config.load import load as load_config
from quantd.errors import ConfigError
from quantd.plugin.loader import load

SHELL = """\
from typing import Annotated, ClassVar
import msgspec
from msgspec import Meta
import quantd

class One(quantd.{base}):
    "What is wrong."
{body}

@quantd.hookimpl
def register_{kind}s(register):
    register("one", One)
"""
FIT = "def fit(self, y, x): return None\n"
RUN = "def run(self, view): return {}\n"
SEND = "async def send(self, alert): ...\n"
STREAM = "async def stream(self, subscription): yield []\n"
FILES = "def open(self, metrics): ...\ndef write(self, kind, rows): ...\ndef close(self): ...\n"
BARS = "base = '1s'\ndef update(self, ticks): ...\ndef advance(self, watermark): return []\ndef flush(self, until): return []\n"
FORMING = "def forming(self): return []\n"
GOOD = [
    ("Regression", "regression", FIT),
    ("Regression", "regression", "window: int = 30\ndef fit(self, y, x, *more, deep=False): return None"),
    ("Regression", "regression", "def fit(self, *legs): return None"),
    ("Regression", "regression", "@staticmethod\ndef fit(y, x): return None"),
    ("Regression", "regression", "stretch: Annotated[float, Meta(ge=0)] = 1\nnames: tuple[str, ...] = ()\n" + FIT),
    ("Regression", "regression", "levels: dict[str, float] = msgspec.field(default_factory=lambda: {'a': 1.0})\n" + FIT),
    ("PairJob", "job", "metrics = ('mood',)\nwords = {'mood': ('calm',)}\nstates = ('mood',)\n" + RUN),
    ("PairJob", "job", "metrics: ClassVar = ('a',)\nranges = {'a': (0.0, float('inf'))}\n" + RUN),
    ("DaemonJob", "job", RUN),
    ("AlertSink", "sink", SEND),
    ("Feed", "feed", STREAM + "channels: ClassVar = {'quotes'}"),
    ("Feed", "feed", "def stream(self, subscription): return anything()"),
    ("Exporter", "exporter", FILES + "kinds: tuple[quantd.RowKind, ...] = ('points',)"),
    ("Resampler", "resampler", BARS + FORMING),
    ("EventBars", "event_bar", "label = 'v1'\ndef ends(self, tick): return True"),
]
BAD = [
    ("Regression", "regression", "def fitt(self, y, x): return None", 6, "One lacks fit"),
    ("Regression", "regression", "def fit(self, y): return None", 8, "fit is called with (y, x), but takes (y)"),
    ("Regression", "regression", "def fit(y, x): return None", 8, "fit is called with (y, x), but takes (x)"),
    ("Regression", "regression", "def fit(self, y, x, z): return None", 8, "fit is called with (y, x), but takes (y, x, z)"),
    ("Regression", "regression", "def fit(self, *, y, x=1): return None", 8, "fit is called with (y, x), but takes (*, y, x=1)"),
    ("Regression", "regression", "async def fit(self, y, x): return None", 8, "fit is called without `await`: write `def`"),
    ("Regression", "regression", "def fit(self, y, x): yield None", 8, "fit is to `return`, not to `yield`"),
    ("Regression", "regression", "fit = 3", 6, "fit must be a method, and is int"),
    ("Regression", "regression", FIT + "def update(self, y, x): return None", 9, "update is called with (index, y, x), but takes (y, x)"),
    ("Regression", "regression", FIT + "state: str = 'x'", 6, "its field 'state' hides what quantd calls by that name"),
    ("Regression", "regression", FIT + "window = 30", 6, "window = ... hides the setting 'window'"),
    ("Regression", "regression", FIT + "window: int = '60'", 6, "the default of its field 'window' is '60': expected `int`, got `str`"),
    ("Regression", "regression", FIT + "token: str = None", 6, "the default of its field 'token' is None"),
    (
        "Regression",
        "regression",
        FIT + "p: Annotated[float, Meta(ge=1)] = 0.5",
        6,
        "the default of its field 'p' is 0.5: expected `float` >= 1.0",
    ),
    ("Regression", "regression", FIT + "p: 'Nowhere' = 1", 6, "its fields cannot be read: NameError"),
    ("Regression", "regression", FIT + "recursive = 'yes'", 6, "recursive is 'yes', and must be bool"),
    ("PairJob", "job", RUN, 6, "it names no metrics: write metrics = ('name', ...)"),
    ("PairJob", "job", RUN + "metrics = ['a']", 6, "metrics is ['a'], and must be tuple[str, ...]"),
    ("PairJob", "job", RUN + "metrics = 'a'", 6, "metrics is 'a', and must be tuple[str, ...]"),
    ("PairJob", "job", RUN + "metrics = ()", 6, "it names no metrics, which are ()"),
    ("PairJob", "job", RUN + "metrics = ('a',)\nwords = {'b': ()}", 6, "its words name 'b', which are none of its metrics"),
    ("PairJob", "job", RUN + "metrics = ('a',)\nstates = ('a',)", 6, "its states name 'a', which are none of its words"),
    ("PairJob", "job", RUN + "metrics = ('a',)\nranges = {'b': (0, 1)}", 6, "its ranges name 'b', which are none of its metrics"),
    ("PairJob", "job", RUN + "metrics = ('a',)\nranges = {'a': (0, 1, 2)}", 6, "ranges is {'a': (0, 1, 2)}, and must be"),
    ("PairJob", "job", "metrics = ('a',)\ndef run(self): return {}", 9, "run is called with (view), but takes ()"),
    ("PairJob", "job", "metrics = ('a',)\nasync def run(self, view): return {}", 9, "run is called without `await`"),
    ("Job", "job", RUN, 6, "derive it from quantd.PairJob or quantd.DaemonJob"),
    ("AlertSink", "sink", "def send(self, alert): ...", 8, "send is awaited: write `async def`, without `yield`"),
    ("AlertSink", "sink", "async def send(self): ...", 8, "send is called with (alert), but takes ()"),
    ("AlertSink", "sink", SEND + "def start(self): ...", 9, "start is awaited"),
    ("AlertSink", "sink", "async def send(self, alert): yield", 8, "send is awaited: write `async def`, without `yield`"),
    ("Feed", "feed", "async def stream(self, subscription): return []", 8, "stream is iterated: write `async def`, and `yield` in it"),
    ("Feed", "feed", "def stream(self, subscription): yield []", 8, "stream is iterated: write `async def`, and `yield` in it"),
    ("Feed", "feed", STREAM + "def fetch_ticks(self, symbol, start, end): return []", 9, "fetch_ticks is awaited"),
    ("Feed", "feed", STREAM + "channels = ('rumours',)", 6, "channels is ('rumours',), and must be frozenset[Literal["),
    ("Feed", "feed", STREAM + "past_timeframes = '1m'", 6, "past_timeframes is '1m', and must be tuple[str, ...]"),
    ("Exporter", "exporter", FILES + "kinds = ('bars',)", 6, "kinds = ... hides the setting 'kinds'"),
    (
        "Exporter",
        "exporter",
        FILES + "kinds: tuple[quantd.RowKind, ...] = ('x',)",
        6,
        "the default of its field 'kinds' is ('x',)",
    ),
    ("Resampler", "resampler", BARS + FORMING.replace("self", "self, every"), 12, "forming is called with (), but takes (every)"),
    (
        "Resampler",
        "resampler",
        BARS.replace("base = '1s'", "def base(self): return '1s'") + FORMING,
        8,
        "base is asked, not called: put @property",
    ),
    ("Store", "store", "", 6, "One lacks append, bars, close, newest_tick, open, points, prune, series, ticks"),
]


def drop(folder: Path, base: str, kind: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "one.py"
    path.write_text(SHELL.format(base=base, kind=kind, body=indent(body, "    ")))
    return path


@pytest.mark.parametrize(("base", "kind", "body"), GOOD)
def test_what_keeps_its_contract_is_offered(base: str, kind: str, body: str, tmp_path: Path) -> None:
    drop(tmp_path / "plugins", base, kind, body)
    registry = load([tmp_path / "plugins"])
    assert [fault.message for fault in registry.faults if str(tmp_path) in fault.source] == []
    assert registry.get(kind, "one")


@pytest.mark.parametrize(("base", "kind", "body", "line", "message"), BAD)
def test_what_breaks_it_is_refused_at_its_line(base: str, kind: str, body: str, line: int, message: str, tmp_path: Path) -> None:
    path = drop(tmp_path / "plugins", base, kind, body)
    registry = load([tmp_path / "plugins"])
    (fault,) = (fault for fault in registry.faults if str(tmp_path) in fault.source)
    assert fault.message.startswith(f"{kind} 'one': {message}")
    assert f"{path}:{line}" in fault.message
    assert registry.get(kind, "one") is None


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    drop(tmp_path, "PairJob", "job", "async def run(self): return {}\nn: int = 'x'")
    (fault,) = (fault for fault in load([tmp_path]).faults if str(tmp_path) in fault.source)
    for text in ("run is called with (view)", "run is called without `await`", "field 'n' is 'x'", "names no metrics"):
        assert text in fault.message


WATCH = "pairs: [A-B]\nfeeds: {synthetic: {}}\nsinks: {log: {}}\n"
PIPELINE = "feed: synthetic\nbars: {use: BARS, every: [1m]}\nregression: ols\nevent_bars: [EVENTS]\njobs: [JOBS]\n"


@pytest.mark.parametrize(
    ("base", "kind", "body", "line", "message"),
    [
        ("Resampler", "resampler", BARS.replace("1s", "soon") + FORMING, 6, "One.base returned 'soon', a str: expected a timeframe"),
        (
            "Resampler",
            "resampler",
            BARS.replace("base = '1s'", "@property\ndef base(self): return None") + FORMING,
            8,
            "One.base returned None: expected a timeframe, like 1s",
        ),
        (
            "EventBars",
            "event_bar",
            "label = '1m'\ndef ends(self, tick): return True",
            6,
            "One.label returned '1m', a str: expected a text that is no timeframe",
        ),
        (
            "PairJob",
            "job",
            "metrics = ('a',)\ndef bars_needed(self, window): return window / 2\n" + RUN,
            9,
            "One.bars_needed returned 30.0, a float",
        ),
        (
            "PairJob",
            "job",
            "metrics = ('a',)\ndef bars_needed(self, window): return 1 / 0\n" + RUN,
            9,
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_what_an_instance_answers_is_asked_with_its_settings(
    base: str, kind: str, body: str, line: int, message: str, tmp_path: Path
) -> None:
    path = drop(tmp_path / "plugins", base, kind, body)
    (tmp_path / "pipelines").mkdir()
    text = PIPELINE
    for name, key, usual in (("BARS", "resampler", "time"), ("EVENTS", "event_bar", ""), ("JOBS", "job", "")):
        text = text.replace(name, "one" if kind == key else usual)
    (tmp_path / "pipelines" / "default.yaml").write_text(text)
    (tmp_path / "quantd.yaml").write_text(WATCH)
    with pytest.raises(ConfigError) as told:
        load_config(tmp_path / "quantd.yaml", {})
    (mistake,) = told.value.mistakes
    assert message in mistake.message
    assert f"{path}:{line}" in mistake.message


def test_a_config_that_names_what_was_refused_says_why(tmp_path: Path) -> None:
    drop(tmp_path / "plugins", "AlertSink", "sink", "def send(self, alert): ...")
    (tmp_path / "plugins" / "two.py").write_text(dedent("raise ValueError('another')"))
    (tmp_path / "quantd.yaml").write_text("sinks: {one: {}}\n")
    with pytest.raises(ConfigError) as told:
        load_config(tmp_path / "quantd.yaml", {})
    assert "send is awaited" in str(told.value)
    assert "another" not in str(told.value)
