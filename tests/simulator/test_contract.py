"""A symbol whose name ends with a date is a contract that ends on it: nothing is paid for holding it."""

import json
from typing import Any

from quantd.simulator.info import contract_info, exchange_info
from quantd.simulator.listing import Listing

from .support import EPOCH, exchange

QUARTERLY = "BTCUSDT_270326"
MARCH_26 = 1_806_048_000_000  # 2027-03-26T08:00:00Z


def listing(symbol: str) -> Listing:
    return exchange(scenario="odd").listings[symbol]


def test_what_is_told_of_it() -> None:
    rows = {row["symbol"]: row for row in json.loads(exchange_info(exchange(scenario="odd")))["symbols"]}
    keys = ("pair", "contractType", "deliveryDate", "baseAsset")
    assert [rows[QUARTERLY][key] for key in keys] == ["BTCUSDT", "CURRENT_QUARTER", MARCH_26, "BTC"]
    assert [rows["币安人生USDT"][key] for key in keys] == ["币安人生USDT", "PERPETUAL", 4_133_404_800_000, "币安人生"]
    event = json.loads(contract_info(listing(QUARTERLY), EPOCH))
    assert (event["ct"], event["dt"]) == ("CURRENT_QUARTER", MARCH_26)


def mark(symbol: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """By WebSocket and by REST."""
    of = listing(symbol)
    now = of.marks.at(EPOCH)
    return json.loads(of.book_wire.mark(now, EPOCH)), json.loads(of.book_wire.mark_row(now, EPOCH))


def test_it_has_no_funding() -> None:
    streamed, row = mark(QUARTERLY)
    assert (streamed["r"], streamed["T"]) == ("", 0)
    assert (row["lastFundingRate"], row["interestRate"], row["nextFundingTime"]) == ("", "", 0)
    streamed, row = mark("HUGEUSDT")
    assert float(streamed["r"]) == float(row["lastFundingRate"])
    assert streamed["T"] == row["nextFundingTime"] > EPOCH
