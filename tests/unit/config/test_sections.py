"""A section is a struct: a field that it gains is a key that is read, checked, shown and in the JSON Schema, without another line."""

from typing import Annotated, ClassVar

import pytest
from msgspec import Meta, Struct

import quantd
from quantd.config import origins, schema
from quantd.config.limits import Quotas
from quantd.config.model import ConfigFile, PipelineFile, StateSettings
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.sections import Part, read_section
from quantd.config.shapes import Stage, parsed, sections
from quantd.config.texts import Symbol
from quantd.config.yaml12 import parse
from quantd.plugin.loader import load as load_plugins

REGISTRY = load_plugins()


class Slower(StateSettings, kw_only=True, frozen=True):
    sync: Annotated[int, Meta(ge=1, le=60, description="Seconds between writes.")] = 5


class Longer(PipelineFile, kw_only=True, frozen=True):
    depth: Annotated[int, Meta(ge=1, description="How many levels.")] = 3


class Timed(Stage, kw_only=True, frozen=True):
    elsewhere: ClassVar[str] = "is a job of another place"
    after: Annotated[int, parsed(int, missing="what it waits for")]
    job: quantd.PairJob


class All(Struct, frozen=True, kw_only=True):
    """Every shape."""

    plain: Annotated[int, Meta(ge=1)] = 1
    list: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(max_length=2)] = ()
    own: tuple[Symbol, ...] = ()
    kept: tuple[int, ...] = (7,)
    state: StateSettings = StateSettings()
    sinks: dict[str, quantd.AlertSink] = {}
    one: quantd.Regression | None = None
    many: tuple[quantd.EventBars, ...] = ()
    jobs: tuple[Timed, ...] = ()


def read(text: str, struct: type[Struct] = All) -> tuple[Part, Node, list[str]]:
    reader, node = Reader(REGISTRY), parse(text, "f")
    part = read_section(reader, node, "", struct)
    return part, node, [str(mistake) for mistake in reader.mistakes]


def values(text: str) -> All:
    part, _, mistakes = read(text)
    assert mistakes == []
    assert isinstance(part.value, All)
    return part.value


PARTS = "feed: synthetic\nbars: time\nregression: ols\n"


def test_a_new_field_is_a_key() -> None:
    part, node, mistakes = read(PARTS + "depth: 9\n", Longer)
    assert (part.value.depth, mistakes) == (9, [])
    assert read(PARTS, Longer)[0].value.depth == 3
    assert read(PARTS + "depth: 0\n", Longer)[2] == ["f:4:8: depth: expected a whole number >= 1, found 0"]
    (unknown,) = read(PARTS + "dept: 9\n", Longer)[2]
    assert unknown.endswith("(did you mean 'depth'?)")
    expected = {"type": "integer", "minimum": 1, "default": 3, "description": "How many levels."}
    assert schema.section(REGISTRY, Longer)["properties"]["depth"] == expected
    shown = {row.key: (row.value, row.origin) for row in origins.section(REGISTRY, Longer, part.value, node, "")}
    assert shown["depth"] == ("9", "f:4")
    assert "depth" in dict(sections(Longer))[""]


def test_a_new_field_below_is_a_key_there() -> None:
    class File(ConfigFile, kw_only=True, frozen=True):
        state: Slower = Slower()

    part, node, mistakes = read("state: {sync: 8}\n", File)
    assert (part.value.state, mistakes) == (Slower(sync=8), [])
    assert read("state: {sync: 80}\n", File)[2] == ["f:1:15: state.sync: expected a whole number <= 60, found 80"]
    assert schema.section(REGISTRY, File)["properties"]["state"]["properties"]["sync"]["maximum"] == 60
    assert [row.key for row in origins.section(REGISTRY, File, part.value, node, "") if "state" in row.key] == ["state.dir", "state.sync"]
    assert dict(sections(File))["state."] == ["dir", "sync"]


def test_every_shape_is_read() -> None:
    made = values(
        "plain: 2\nlist: [1, 2]\nown: [btc]\nkept: []\nstate: {dir: /x}\nsinks: {log: {}, again: log}\none: ols\n"
        "many: [{use: tick, count: 5}]\njobs: [{use: adf, after: '5', trend: ct}]\n"
    )
    assert (made.plain, made.list, made.own, made.kept, made.state) == (2, (1, 2), ("BTC",), (), StateSettings(dir="/x"))
    assert list(made.sinks) == ["log", "again"]
    assert made.one is not None
    assert (made.one.window, made.many[0].count) == (60, 5)  # type: ignore[attr-defined]
    assert (made.jobs[0].after, made.jobs[0].job.trend) == (5, "ct")  # type: ignore[attr-defined]


def test_what_is_not_there_is_the_default() -> None:
    assert values("") == values("{}") == All()
    assert values("list:\nown:\nstate:\nsinks:\none:\nmany:\njobs:\n") == All()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain:", "f:1:7: plain: expected a whole number, found nothing"),
        ("kept:", "f:1:6: kept: expected a list, found nothing"),
        ("list: [1, 0]", "f:1:11: list[1]: expected a whole number >= 1, found 0"),
        ("list: [1, 2, 3]", "f:1:7: list: expected a list of length <= 2, found a list"),
        ("own: [a-b]", "f:1:7: own[0]: 'a-b' is not a symbol: write it like BTCUSDT"),
        ("own: a", "f:1:6: own: expected a list, found 'a': write [a], or a line `- a` below"),
        ("state: 5", "f:1:8: state: expected a mapping of dir, found 5"),
        ("state: {dri: 5}", "f:1:9: state.dri: unknown key; there is dir (did you mean 'dir'?)"),
        ("sinks: [log]", "f:1:8: sinks: expected a mapping, found a list"),
        ("jobs: [adf]", "f:1:8: jobs[0]: 'after' is missing: what it waits for"),
        ("jobs: [{use: adf, after: x}]", "f:1:26: jobs[0].after: invalid literal for int() with base 10: 'x'"),
        ("jobs: [{use: retention, after: '1'}]", "f:1:8: jobs[0]: is a job of another place"),
        ("sate: 5", "f:1:1: sate: unknown key; there is jobs, kept, list, many, one, own, plain, sinks, state (did you mean 'state'?)"),
    ],
)
def test_a_mistake_is_named_at_its_place(text: str, found: str) -> None:
    part, _, mistakes = read(text)
    assert mistakes == [found]
    assert part.value is None


def test_what_is_right_is_read_beside_what_is_wrong() -> None:
    part, _, mistakes = read("plain: 0\nlist: [1, 0, 3]\nsinks: {log: {}, odd: nonsense}\n")
    assert len(mistakes) == 3
    assert [each.value for each in part.keys["list"].items] == [1, None, 3]
    assert [name for name, each in part.keys["sinks"].keys.items() if each.value] == ["log"]


def test_the_schema_takes_nothing_where_reading_does() -> None:
    made = schema.section(REGISTRY, All)["properties"]
    nothing = {key for key in made if not read(f"{key}:\n")[2]}
    assert nothing == {key for key, each in made.items() if "null" in each.get("type", ()) or {"type": "null"} in each.get("anyOf", ())}


def test_a_section_that_is_not_there_has_no_rows() -> None:
    for text, value, rows in (("", None, 0), ("api: {limits: {loopback: }}\n", None, 0), ("api: {limits: {loopback: {}}}\n", Quotas(), 8)):
        part, node, mistakes = read(text, ConfigFile)
        assert (part.value.api.limits.loopback, mistakes) == (value, [])
        told = [row.key for row in origins.section(REGISTRY, ConfigFile, part.value, node, "") if "limits.loopback" in row.key]
        assert len(told) == rows, told
