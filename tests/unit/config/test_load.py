"""Configs that are right give what they say; of those that are not, every mistake is named at its place."""

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantd.config import load as loading
from quantd.config.load import Loaded, build, find, find_plugins, load
from quantd.config.model import ApiSettings, PipelineFile
from quantd.config.shapes import fields
from quantd.errors import ConfigError, QuantdError
from quantd.stats.zscore import ZScore

BROKEN = sorted((Path(__file__).parent / "broken").iterdir())
EXPECT = re.compile(r"^# expect (?:(\S+\.yaml):)?(\d+):(\d+): (.*)$", re.MULTILINE)
PIPELINE = "feed: synthetic\nbars: {use: time, every: [1s, 1m]}\nregression: ols\n"
WHOLE = "feeds: {synthetic: {}}\nsinks: {log: {}}\npairs: [A-B]\n"

TAPE = """
import quantd

class Tape(quantd.Exporter):
    def places(self): raise ValueError("no idea")
    def open(self, metrics): pass
    def write(self, kind, rows): pass
    def close(self): pass

@quantd.hookimpl
def register_exporters(register):
    register("tape", Tape)
"""
BOTH = """
import quantd

class Word(quantd.PairJob):
    metrics = ("mood",)
    words = {"mood": ("calm", "wild")}
    def run(self, view): return {"mood": "calm"}

class Number(quantd.PairJob):
    metrics = ("mood",)
    def run(self, view): return {"mood": 1.0}

@quantd.hookimpl
def register_jobs(register):
    register("word", Word)
    register("number", Number)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(config: str | bytes, **pipelines: str | bytes) -> Path:
    for name, text in {"quantd": config, **{f"pipelines/{name}": text for name, text in pipelines.items()}}.items():
        path = Path(f"{name}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Path("quantd.yaml")


def loaded(config: str, environ: dict[str, str] | None = None, **pipelines: str) -> Loaded:
    return load(written(config, **pipelines), environ or {}, all_pipelines=True)


def mistakes(config: str | bytes, environ: dict[str, str] | None = None, **pipelines: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(written(config, **pipelines), environ or {}, all_pipelines=True)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.stem)
def test_every_mistake_is_named_at_its_place(case: Path, home: Path) -> None:
    if case.is_dir():
        shutil.copytree(case, home, dirs_exist_ok=True)
    else:
        shutil.copy(case, "quantd.yaml")
    expected = [
        (file or "quantd.yaml", int(line), int(column), text)
        for file, line, column, text in EXPECT.findall(Path("quantd.yaml").read_text())
    ]
    with pytest.raises(ConfigError) as caught:
        load(None, {}, all_pipelines=True)
    found = [(mistake.file, mistake.line, mistake.column, str(mistake)) for mistake in caught.value.mistakes]
    assert [each[:3] for each in found] == [each[:3] for each in expected]
    for mistake, (*_, text) in zip(found, expected, strict=True):
        assert f": {text}" in mistake[3]


def test_of_two_writers_of_a_path_both_places_are_named(home: Path) -> None:
    (home / "link").symlink_to("exports")
    one, two = ("exports:\n  - csv\n", "exports:\n  - {use: csv, kinds: [points]}\n  - {use: csv, dir: link, kinds: [ticks, bars]}\n")
    assert mistakes("feeds: {synthetic: {}}\npairs: [A-B, {C-D: two}]\n", default=PIPELINE + one, two=PIPELINE + two) == [
        f"pipelines/two.yaml:5:5: exports[0]: writes {home}/exports/points.csv, and so does pipelines/default.yaml:5:5: exports[0]: "
        "give one of them another folder, or the same settings",
        f"pipelines/two.yaml:6:21: exports[1].dir: writes {home}/exports/bars.csv, and so does pipelines/default.yaml:5:5: exports[0]: "
        "give one of them another folder, or the same settings",
    ]


def test_a_plugin_that_cannot_tell_where_it_writes_is_named(home: Path) -> None:
    (home / "plugins").mkdir()
    (home / "plugins" / "tape.py").write_text(TAPE)
    (found,) = mistakes("feeds: {synthetic: {}}\npairs: [A-B]\n", default=PIPELINE + "exports: [tape]\n")
    assert found.startswith("pipelines/default.yaml:4:11: exports[0]: cannot tell where it writes: ")
    assert "no idea" in found


def test_a_rule_reads_the_metric_of_its_own_timeframe(home: Path) -> None:
    """Jobs at other timeframes may have one of that name, of another type."""
    (home / "plugins").mkdir()
    (home / "plugins" / "both.py").write_text(BOTH)
    jobs = "jobs: [{use: word, every: 1s}, {use: number, every: 1m}]\n"
    rules = "alerts: [{name: a, when: mood == calm, every: 1s}, {name: b, when: mood > 1, every: 1m}]\n"
    assert len(loaded("feeds: {synthetic: {}}\npairs: [A-B]\n", default=PIPELINE + jobs + rules).config.pipelines["default"].alerts) == 2


def test_there_are_broken_configs_of_many_kinds() -> None:
    assert len(BROKEN) >= 60


def test_a_config_says_what_it_says(home: Path) -> None:
    config = loaded(
        WHOLE.replace("[A-B]", "[a-b, {C-D: long}]") + "store: {use: local, dir: here}\njobs: [{use: retention, every: 90s}]\nlog: debug\n",
        default=PIPELINE,
        long=PIPELINE
        + "zscore: {window: 20}\njobs: [{use: adf, every: 1m}]\nalerts: [{name: a, when: adf_pvalue < 0.05, every: 1m, send: [log]}]\n",
    ).config
    assert [(pair.name, pair.pipeline) for pair in config.pairs] == [("A-B", "default"), ("C-D", "long")]
    assert (config.jobs[0].every, config.log) == (90_000, "debug")
    assert config.store is not None
    assert config.store.dir == "here"  # type: ignore[attr-defined]
    default, long = config.pipelines["default"], config.pipelines["long"]
    assert (default.zscore, default.jobs, default.alerts, default.exports) == (ZScore(), (), (), ())
    assert (long.zscore.window, long.jobs[0].every, str(long.alerts[0].when)) == (20, "1m", "adf_pvalue < 0.05")


@pytest.mark.parametrize("text", ["", "# nothing\n", "feeds: {synthetic: {}}\n", "feeds: {a: {use: synthetic}}\nsinks: {b: log}\n", "{}"])
def test_what_is_left_out_is_empty(text: str, home: Path) -> None:
    config = loaded(text).config
    assert (config.pairs, config.symbols, config.store, config.jobs, config.pipelines, config.log) == ((), (), None, (), {}, "info")


def test_empty_sections_are_as_good_as_none(home: Path) -> None:
    assert loaded("pairs:\nsymbols:\nfeeds:\nstore:\nsinks:\njobs:\nstate:\nplugins:\n").config == loaded("").config


def test_a_pipeline_that_is_not_beside_the_config_is_the_shipped_one(home: Path) -> None:
    assert loaded(WHOLE.replace("synthetic", "binance-futures")).config.pipelines["default"].feed == "binance-futures"
    assert loaded(WHOLE, default=PIPELINE.replace("ols", "{use: ols, window: 7}")).config.pipelines["default"].regression.window == 7


def test_the_api_section_is_read(home: Path) -> None:
    assert loaded("api: {listen: '0.0.0.0:80', max_symbols: 3}").config.api == ApiSettings(listen="0.0.0.0:80", max_symbols=3)
    assert loaded("api:").config.api == loaded("").config.api == ApiSettings()


def test_extends_replaces_whole_keys(home: Path) -> None:
    base = PIPELINE.replace("ols", "{use: ols, window: 7, prices: log}") + "jobs: [adf]\n"
    pipelines = loaded(
        WHOLE.replace("A-B", "A-B: top"),
        base=base,
        middle="extends: base\njobs: []\n",
        top="extends: middle\nregression: {use: ols, window: 9}\n",
    ).config.pipelines
    top = pipelines["top"]
    assert (top.regression.window, top.regression.prices, top.jobs, top.feed) == (9, "raw", (), "synthetic")


def test_mistakes_of_all_files_come_together(home: Path) -> None:
    found = mistakes("log: loud\npairs: [A-B]\n", default=PIPELINE.replace("1m", "1x"), other="feed: [1\n")
    assert [text.partition(":")[0] for text in found] == ["pipelines/default.yaml"] * 2 + ["pipelines/other.yaml", "quantd.yaml"]


def test_an_unused_pipeline_is_only_checked_when_asked(home: Path) -> None:
    path = written(WHOLE, default=PIPELINE, other="nonsense: 1\n")
    assert load(path, {}).config.pairs
    with pytest.raises(ConfigError):
        load(path, {}, all_pipelines=True)


def test_an_unused_pipeline_may_name_what_could_be_configured(home: Path) -> None:
    assert loaded(WHOLE, default=PIPELINE, other=PIPELINE.replace("synthetic", "replay"))


@pytest.mark.parametrize(
    ("raw", "place"),
    [(b"log: \xff\n", "1:6: is not UTF-8"), (b"a: 1\n\nlog: in\xe9o\n", "3:8: is not UTF-8"), (b"log: \x00\n", "1:6: not YAML")],
)
def test_bytes_that_are_no_text(raw: bytes, place: str, home: Path) -> None:
    assert mistakes(raw)[0].startswith(f"quantd.yaml:{place}")
    assert mistakes(WHOLE, default=raw)[0].startswith(f"pipelines/default.yaml:{place}")


def test_a_folder_is_no_config(home: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(home, {})


def test_where_the_config_is_looked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    etc = home / "etc.yaml"
    monkeypatch.setattr(loading, "ETC", etc)
    with pytest.raises(QuantdError, match="quantd init"):
        find(None, {})
    etc.touch()
    assert find(None, {}) == etc
    (home / "quantd.yaml").touch()
    assert find(None, {}) == Path("quantd.yaml")
    (home / "other.yaml").touch()
    assert find(None, {"QUANTD_CONFIG": "other.yaml"}) == Path("other.yaml")
    assert find(etc, {"QUANTD_CONFIG": "other.yaml"}) == etc
    with pytest.raises(QuantdError, match=r"gone\.yaml: no such file"):
        find(None, {"QUANTD_CONFIG": "gone.yaml"})


def test_the_environment_overrides(home: Path) -> None:
    environ = {
        "QUANTD__STATE__DIR": "/x",
        "QUANTD__LOG": "error",
        "QUANTD__PAIRS": "[C-D]",
        "QUANTD__FEEDS__SYNTHETIC__SEED": "7",
        "QUANTD__STORE__DIR": "there",
        "QUANTD__STORE__KEEP__TICKS": "2d",
        "QUANTD__JOBS__0__EVERY": "2h",
    }
    config = loaded(WHOLE + "store: local\njobs: [{use: retention, every: 1h}]\n", environ, default=PIPELINE).config
    assert (config.state_dir, config.log, config.pairs[0].name, config.jobs[0].every) == (Path("/x"), "error", "C-D", 7_200_000)
    assert config.feeds["synthetic"].seed == 7  # type: ignore[attr-defined]
    store: Any = config.store
    assert (store.dir, store.keep) == ("there", {"ticks": "2d"})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("QUANTD__STAET__DIR", "/x", "no setting 'staet' (did you mean 'QUANTD__STATE__DIR'?)"),
        ("QUANTD__STATE__DRI", "/x", "state.dri: unknown key; there is dir (did you mean 'dir'?)"),
        ("QUANTD__LOG", "loud", "log: expected debug, info, warning or error, found ${QUANTD__LOG}"),
        ("QUANTD__LOG", "", "log: expected debug, info, warning or error, found ${QUANTD__LOG}, which is empty"),
        ("QUANTD__PAIRS", "[A-B", "pairs: expected a list, found ${QUANTD__PAIRS}, which is not YAML"),
        ("QUANTD__", "x", "no setting ''"),
        ("QUANTD__FEEDS__SYNTHETIC__SEED", "x", "feeds.synthetic.seed: expected a whole number, found ${QUANTD__FEEDS__SYNTHETIC__SEED}"),
        ("QUANTD__PLUGINS__DISABLE", "ols", "plugins.disable: expected a list, found ${QUANTD__PLUGINS__DISABLE}"),
    ],
)
def test_a_wrong_override_names_its_variable(name: str, value: str, text: str, home: Path) -> None:
    (found,) = mistakes("feeds: {synthetic: {}}\n", {name: value})
    assert re.match(rf"environment variable {name}:1:\d+: ", found)
    assert text in found


def test_an_override_mends_what_it_replaces(home: Path) -> None:
    assert loaded("log: ${NOWHERE}\nstate: {dir: 5}\n", {"QUANTD__LOG": "info", "QUANTD__STATE__DIR": "/$$x"}).config.state_dir == Path(
        "/$$x"
    )


def test_plugins_in_the_folder_beside_the_config(home: Path) -> None:
    drop_in(home / "plugins")
    text = PIPELINE.replace("ols", "{use: steady, beta: 3}")
    assert loaded(WHOLE, default=text).config.pipelines["default"].regression.beta == 3.0  # type: ignore[attr-defined]
    assert "no regression 'steady'" in mistakes(WHOLE + "plugins: {dirs: []}\n", default=text)[0]


def test_a_plugin_that_raises_is_a_mistake_of_its_own(home: Path) -> None:
    drop_in(home / "plugins", "raise KeyError('oops')")
    (found,) = mistakes(WHOLE, default=PIPELINE.replace("ols", "steady"))
    assert re.search(
        r"default\.yaml:3:13: regression: regression 'steady' of plugins/steady\.py failed: KeyError: 'oops' \(.*steady\.py:5", found
    )
    drop_in(home / "plugins", "raise ValueError('beta is odd')")
    assert mistakes(WHOLE, default=PIPELINE.replace("ols", "steady"))[0].endswith("regression: beta is odd")


def drop_in(folder: Path, check: str = "pass") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "steady.py").write_text(
        "import quantd\nclass Fixed(quantd.Regression):\n    beta: float = 1.0\n    def __post_init__(self):\n"
        f"        {check}\n    def fit(self, y, x):\n        return None\n"
        "@quantd.hookimpl\ndef register_regressions(register):\n    register('steady', Fixed)\n"
    )


@pytest.mark.parametrize("text", ["log: loud\n", "pairs: [", "- a\n", "plugins:\n"])
def test_plugins_are_found_whatever_else_is_wrong(text: str, home: Path) -> None:
    drop_in(home / "plugins")
    written(text)
    registry, _ = find_plugins(None, {"QUANTD__LOG": "loud", "QUANTD__STAET": "x"})
    assert registry.get("regression", "steady")


def test_a_wrong_plugins_section_is_told(home: Path) -> None:
    written("plugins: {dirs: plugins}\n")
    with pytest.raises(ConfigError, match=r"quantd\.yaml:1:17: plugins\.dirs: expected a list"):
        find_plugins(None, {})
    assert find_plugins(None, {"QUANTD__PLUGINS__DIRS": "[]"})


def test_settings_of_a_command_line_have_no_position(home: Path) -> None:
    raw = {"pairs": ["A-B"], "feeds": {"replay": {"files": ["${x}$$.csv"]}}, "log": "warning"}
    pipeline = {"feed": "replay", "bars": "time", "regression": {"use": "ols", "window": 1}}
    with pytest.raises(ConfigError) as caught:
        build(raw, {"default": pipeline}, {})
    assert str(caught.value) == "<command line>: regression.window: expected a whole number >= 2, found 1"
    made = build(raw, {"default": pipeline | {"regression": "ols"}}, {"QUANTD__LOG": "loud"})
    assert made.config.feeds["replay"].files == ("${x}$$.csv",)  # type: ignore[attr-defined]


WORDS = ("pairs: ", "feeds: ", "synthetic: ", "store", "use: ", "local", "A-B", "extends: ", "plugins: ", "dirs: ", "jobs: ", "é")
SIGNS = (
    "\n",
    "\n  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "'",
    '"',
    "&a ",
    "*a",
    "<<: ",
    "${",
    "$$",
    "!!int ",
    "~",
    "\t",
    "#",
    ">",
    "|",
    "%",
    "---\n",
)
FRAGMENTS = st.sampled_from((*WORDS, *SIGNS, ".nan", "1e999", "0x", "\\ud800", "9" * 30))
TEXTS = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=25).map("".join), st.binary())
QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(TEXTS)
def test_any_text_is_a_config_or_a_mistake(home: Path, text: str | bytes) -> None:
    _only_mistakes(text)


@QUIET
@given(TEXTS)
def test_any_text_is_a_pipeline_or_a_mistake(home: Path, text: str | bytes) -> None:
    _only_mistakes(WHOLE, text)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3), max_leaves=8)
PARTS = {"feed": "synthetic", "bars": "time", "regression": "ols"}


@QUIET
@given(st.sampled_from([key for key in loading.KEYS if key != "plugins"]), VALUES)
def test_any_value_of_a_setting_is_right_or_a_mistake(key: str, value: object) -> None:
    _built({key: value}, {"default": PARTS})


@QUIET
@given(st.sampled_from(list(fields(PipelineFile))), VALUES)
def test_any_value_of_a_pipeline_key_is_right_or_a_mistake(key: str, value: object) -> None:
    _built({"pairs": ["A-B"], "feeds": {"synthetic": {}}}, {"default": PARTS | {key: value}})


def _built(raw: dict[str, object], pipelines: dict[str, object]) -> None:
    with suppress(QuantdError):
        assert isinstance(build(raw, pipelines, {}), Loaded)


def _only_mistakes(config: str | bytes, pipeline: str | bytes = PIPELINE) -> None:
    path = written(_encoded(config), default=_encoded(pipeline))
    try:
        load(path, {})
    except ConfigError as error:
        found = error.mistakes
        assert found
        for mistake in found:
            assert mistake.line >= 1
            assert mistake.column >= 1
            assert len(str(mistake).splitlines()) == 1
            assert str(mistake).isprintable()


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
