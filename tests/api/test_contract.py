"""The contract's words leave the API and come in through it; inside, each thing has one name of our own."""

import ast
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from quantd.api.app import make_app
from quantd.api.schema import contract, frames
from quantd.config.model import ApiSettings
from quantd.testing import fakes
from tests.conftest import ROOT
from tests.unit.services.rig import rig, trade

WORDS = {"correlation", "hedge_ratio", "rolling_corr", "rolling_correlation"}
ELSEWHERE = {
    "quantd/config/subjects.py": "who writes correlation in a condition is told of corr",
    "quantd/rows.py": "a job may not call a metric so: an alert on it would be taken for one on corr",
    "quantd/services/live/rulebook.py": "what earlier versions wrote is read",
}


def names_in(path: Path) -> set[str]:
    """The strings of a module, and the names of fields."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return strings | {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}


def test_nothing_but_the_api_and_its_client_knows_the_words_of_the_contract() -> None:
    core = ROOT / "quantd"
    paths = [path for path in core.rglob("*.py") if path.relative_to(core).parts[0] not in ("api", "client", "stats", "simulator")]
    assert {str(path.relative_to(ROOT)) for path in paths if names_in(path) & WORDS} == set(ELSEWHERE)


@pytest.mark.parametrize(
    ("text", "metric", "told"),
    [
        ("corr > 0.5 for A-B", "corr", "correlation > 0.5 for A-B"),
        ("corr_returns > 0.5 for A-B", "corr_returns", "corr_returns > 0.5 for A-B"),
        ("A-B 1m apart: corr < 0.5", "corr", "A-B 1m apart: corr < 0.5"),
        ("correlation > 0.5 for A-B", "corr", "correlation > 0.5 for A-B"),
    ],
    ids=["made by request", "another metric", "of a pipeline", "of an earlier version"],
)
def test_the_message_of_an_alert(text: str, metric: str, told: str) -> None:
    alert = msgspec.structs.replace(fakes.alert(), text=text, metric=metric)
    frame = msgspec.json.decode(frames.alert_frame(alert))
    assert (frame["message"], frame["metric"]) == (told, contract.metric(metric))


async def test_a_rule_on_the_correlation_from_the_request_to_its_firing(tmp_path: Path) -> None:
    with rig(tmp_path) as at:
        (pair,) = at.flow.pairs
        pair.add({(pair.y, "1m"): fakes.bars(30), (pair.x, "1m"): fakes.bars(30, seed=1)}, lambda pair, every: 0)
        at.flow.process([trade("A", 1), trade("B", 2)])
        async with TestServer(make_app(at.services, ApiSettings())) as server, ClientSession(server.make_url("/")) as client:
            async with client.post("/alerts", json={"metric": "Correlation", "pair": "A-B", "op": ">", "value": -1}) as response:
                made = await response.json()
            assert (made["metric"], [rule.metric for rule in at.services.alerts.rules()]) == ("correlation", ["corr"])
            async with client.get("/alerts/active") as response:
                (fired,) = await response.json()
        assert (fired["metric"], fired["message"]) == ("correlation", "correlation > -1.0 for A-B")
