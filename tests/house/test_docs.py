"""The documents say what the code does."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from quantd.api.app import make_app
from quantd.api.schema import frames, requests, topics
from quantd.api.server import connections
from quantd.cli import app
from quantd.clock import EventClock
from quantd.config import load
from quantd.config.model import ApiSettings, ConfigFile, PipelineFile
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.config.rules import Rule
from quantd.config.shapes import fields, sections
from quantd.metrics import Metrics
from quantd.rows import COLUMNS
from quantd.runtime.build import build
from quantd.runtime.metrics import register_metrics, register_pool_metrics
from quantd.stats.zscore import ZScore
from quantd.testing.services import fake_services
from tests.api.serving import ApiServer
from tests.conftest import ROOT

WIDEST = 140
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "tests/README.md")]
LINKED = [*DOCS, ROOT / "plugins/README.md", *WRITTEN]
WRAPPED = [*DOCS, *WRITTEN]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
ROUTE = re.compile(r"(GET|POST|DELETE) (/\S*)")
COMMAND = re.compile(r"^(?:\S*/)?quantd ([a-z]+)", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
MINIMAL = {"pairs": ["BTCUSDT-ETHUSDT"], "feeds": {"binance-futures": {}}, "sinks": {"log": {}}}

WHOLE = frozenset({"pairs", "regression"})
"""Keys of which one is in every whole quantd.yaml or pipeline."""

every_document = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
every_linked = pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))


def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def spans(text: str) -> list[str]:
    """What stands between single backticks, outside of fences."""
    return SPAN.findall(FENCE.sub("", text))


def fences(path: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(path.read_text("utf-8")) if kind == language]


def section(text: str, title: str) -> str:
    """The text below a heading of the second level."""
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def yaml_blocks() -> Iterator[Any]:
    for path in (ROOT / "README.md", ROOT / "docs/config.md"):
        for number, text in enumerate(fences(path, "yaml"), 1):
            yield pytest.param(text, id=f"{path.name}-{number}")
    for number, text in enumerate(fences(ROOT / "docs/alerts.md", "yaml"), 1):
        if not WHOLE.isdisjoint(yaml.safe_load(text)):
            yield pytest.param(text, id=f"alerts.md-{number}")


def slug(heading: str) -> str:
    """A heading as the anchor of a link.

    >>> slug("What the numbers mean"), slug("points.csv")
    ('what-the-numbers-mean', 'pointscsv')
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# --- api.md --------------------------------------------------------------------------------------------------------------------------


def test_the_routes_are_those_of_the_api() -> None:
    served = make_app(fake_services(), ApiSettings(), lambda: (b"", "")).router.routes()
    there = {(route.method, route.resource.canonical) for route in served if route.resource and route.method != "HEAD"}
    assert {match.groups() for span in spans(doc("api.md")) if (match := ROUTE.fullmatch(span))} == there


def test_every_field_of_a_request_is_told() -> None:
    asked: list[type[msgspec.Struct]] = [
        requests.RangeQuery,
        requests.PairQuery,
        requests.BacktestQuery,
        requests.StreamBody,
        requests.RuleBody,
    ]
    names = {name for cls in asked for name in cls.__struct_encode_fields__}
    assert names - set(re.findall(r"\w+", doc("api.md"))) == set()


def test_every_frame_is_told() -> None:
    sent = [frames.TradeFrame, frames.TickerFrame, frames.AlertFrame, frames.SubscriptionFrame, frames.PongFrame, frames.LaggedFrame]
    tags = {str(cls.__struct_config__.tag) for cls in sent}
    assert tags - set(re.findall(r"\w+", section(doc("api.md"), "WebSocket"))) == set()


def frames_in(text: str) -> Iterator[dict[str, Any]]:
    """The frames that a page shows, on one line or several."""
    for match in re.finditer(r'\{"type":', text):
        yield json.JSONDecoder().raw_decode(text, match.start())[0]


@pytest.mark.parametrize(("page", "structs"), [("api.md", [topics.Auth, *vars(frames).values()]), ("websocket.md", vars(topics).values())])
def test_frames_are_shown_as_they_are_sent(page: str, structs: Iterable[Any]) -> None:
    kinds = {str(each.__struct_config__.tag): each for each in structs if hasattr(each, "__struct_config__")}
    shown = [frame for frame in frames_in(doc(page)) if frame["type"] in kinds]
    assert len(shown) > 8
    for frame in shown:
        assert json.loads(msgspec.json.encode(msgspec.convert(frame, kinds[frame["type"]]))) == frame


# --- config.md -----------------------------------------------------------------------------------------------------------------------


def untold(file: type[msgspec.Struct], text: str) -> list[str]:
    """The keys of a file that a page does not tell of: its own as `key:`, those of its sections as any word of code."""
    words = {word for code in (*spans(text), *(body for _, body in FENCE.findall(text))) for word in re.findall(r"\w+", code)}
    heads = set(re.findall(r"(?:^|`)(\w+):", text, re.MULTILINE))
    return [f"{path}{key}" for path, keys in sections(file) for key in keys if key not in (words if path else heads)]


@pytest.mark.parametrize("file", [ConfigFile, PipelineFile])
def test_every_key_is_told(file: type[msgspec.Struct]) -> None:
    assert untold(file, doc("config.md")) == []


def test_a_new_key_must_be_told() -> None:
    class Coloured(ZScore, kw_only=True, frozen=True):
        colour: int = 0

    class More(PipelineFile, kw_only=True, frozen=True):
        shade: int = 0
        hue: Coloured = Coloured()

    assert untold(More, doc("config.md")) == ["shade", "hue", "hue.colour"]


def test_one_rule_shows_every_key() -> None:
    shown = next(text for text in fences(ROOT / "docs/alerts.md", "yaml") if "regression" in yaml.safe_load(text))
    (rule,) = yaml.safe_load(shown)["alerts"]
    assert {"on" if key is True else key for key in rule} == set(fields(Rule))  # this parser reads `on` as true


@pytest.mark.parametrize("text", list(yaml_blocks()))
def test_every_example_is_a_config(text: str, tmp_path: Path) -> None:
    is_pipeline = not set(yaml.safe_load(text)).isdisjoint({"feed", "bars", "regression"})
    (tmp_path / "quantd.yaml").write_text(yaml.safe_dump(MINIMAL) if is_pipeline else text)
    (tmp_path / "pipelines").mkdir()
    if is_pipeline:
        (tmp_path / "pipelines/default.yaml").write_text(text)
    assert DEFAULT_PIPELINE in load.load(tmp_path / "quantd.yaml", {}).config.pipelines


# --- data.md, operations.md ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_column_is_told(kind: str) -> None:
    told = set(spans(section(doc("data.md"), f"{kind}.csv")))
    assert [column for column in COLUMNS[kind] if column not in told] == []


async def test_the_metrics_are_those_that_are_served(tmp_path: Path) -> None:
    loaded = load.build(MINIMAL, {}, {})
    metrics, clock = Metrics(), EventClock()
    register_metrics(build(loaded.config, loaded.registry, clock, tmp_path), metrics, clock)
    register_pool_metrics(fake_services().pool, metrics)
    async with ApiServer(make_app(fake_services(), ApiSettings())) as server:
        connections.measure(server.connections, metrics)
    served = set(re.findall(r"^# TYPE (\w+)", metrics.render()[0].decode(), re.MULTILINE))
    told = {span for span in spans(section(doc("operations.md"), "Watch it")) if span.startswith("quantd_")}
    assert told == {name for name in served if not name.endswith("_created")}


# --- all of them ---------------------------------------------------------------------------------------------------------------------


def test_the_commands_are_those_of_the_command_line() -> None:
    there = {command.callback.__name__ for command in app.registered_commands if command.callback}
    there |= {str(group.name) for group in app.registered_groups}
    code = [text for path in DOCS for text in (*spans(path.read_text("utf-8")), *fences(path, "sh"))]
    assert {name for text in code for name in COMMAND.findall(text)} == there


@every_linked
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in LINK.findall(path.read_text("utf-8")):
        if target.startswith(("http:", "https:")):
            continue
        to = (path.parent / target).resolve() if target else path
        assert to.exists(), target
        headings = re.findall(r"^#+ (.+)$", to.read_text("utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in map(slug, headings), f"{target}#{anchor}"


@pytest.mark.parametrize("path", WRAPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_are_not_too_wide(path: Path) -> None:
    assert [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if len(line) > WIDEST] == []


# --- architecture.md -----------------------------------------------------------------------------------------------------------------


def test_the_map_names_what_is_there() -> None:
    roots = [ROOT, ROOT / "quantd", ROOT / "quantd/flow", ROOT / "quantd/api", ROOT / "quantd/services/live", ROOT / "quantd/config"]
    roots += [ROOT / "plugins/quantd_plugins", ROOT / "quantd/flow/repair", ROOT / "quantd/flow/alerts", ROOT / "quantd/flow/ingest"]
    roots += [
        ROOT / "quantd/flow/bars",
        ROOT / "quantd/runtime",
        ROOT / "quantd/services",
        ROOT / "quantd/api/server",
        ROOT / "quantd/api/ws",
    ]
    named = {span for span in spans(doc("architecture.md")) if re.fullmatch(r"[\w./]+(\.py|/)", span)}
    assert len(named) > 50
    assert {name for name in named if not any((root / name).exists() for root in roots)} == set()
