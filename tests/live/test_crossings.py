"""A rule tells what the exchange's own trades say, whatever becomes of connections: no crossing is missed, and none is made up."""

import csv
import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from quantd.cli.exchange import Exchange
from tests.waiting import until

from .conftest import Running, Start

SECOND, BACK = 1_000, 3
RULE = {"name": "up", "of": "BTCUSDT", "every": "1s", "when": f"move(price, {BACK}) > 0", "flapping": "off", "late": True, "send": ["file"]}
CUTS = ("fin", "rst", "close:1001")
ENOUGH = 3


@pytest.mark.chaos
async def test_a_rule_tells_each_crossing_of_the_exchange_s_trades(folder: Path, start: Start, exchange: Exchange) -> None:
    told = folder / "told.ndjson"
    settings = yaml.safe_load((folder / "quantd.yaml").read_text())
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings | {"sinks": {"file": {"path": str(told)}, "log": {}}, "alerts": [RULE]}))
    daemon = start(folder)
    for number, mode in enumerate(CUTS, 1):
        await until(lambda: len(firings(told)) >= ENOUGH * number)  # noqa: B023 -- awaited at once
        cut(exchange, mode)
    await until(lambda: len(firings(told)) >= ENOUGH * (len(CUTS) + 1) and not missing(daemon))
    await until(lambda: agree(firings(told), crossings(exchange)))  # a bar that is mended late is judged then
    assert daemon.stop() == 0


def agree(since: set[int], truth: set[int]) -> bool:
    """Whether a rule has told what is true, from where both are known: the rule and the exchange's record begin at times of their own."""
    first, last = max(min(truth), min(since)), max(since)
    return {ts for ts in since if ts >= first} == {ts for ts in truth if first <= ts <= last}


def cut(exchange: Exchange, mode: str) -> None:
    urlopen(Request(f"{exchange.ctl}/disconnect", json.dumps({"mode": mode}).encode(), method="POST"), timeout=10).close()


def firings(told: Path) -> set[int]:
    """The moments since when the rule has fired, without the firings that were withdrawn."""
    rows = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    withdrawn = {row["id"] for row in rows if row["state"] == "withdrawn"}
    return {int(row["id"].rpartition("@")[2].partition(".")[0]) for row in rows if row["state"] == "firing" and row["id"] not in withdrawn}


def missing(daemon: Running) -> bool:
    """Whether trades of the symbol are missing."""
    with urlopen(f"{daemon.http}/quality", timeout=10) as answer:
        return any(row["gaps"] for row in json.load(answer) if row["symbol"] == "BTCUSDT")


def crossings(exchange: Exchange) -> set[int]:
    """The ends of the bars at which the condition begins to hold, by the trades that the exchange has made since its start."""
    lines = next(exchange.ledger.glob("BTCUSDT*.csv")).read_text().rpartition("\n")[0].splitlines()  # the last one may be half written
    closes = {int(row["T"]) // SECOND: int(row["p_ticks"]) for row in csv.DictReader(lines)}
    held, prices, found = True, list[int](), set[int]()
    for second in range(min(closes), max(closes) + 1):
        prices.append(closes.get(second, prices[-1] if prices else 0))
        holds = len(prices) > BACK and prices[-1] > prices[-1 - BACK]
        if holds and not held:
            found.add((second + 1) * SECOND)
        held = holds
    return found
