"""`quantd check --online` holds the symbols of the config against what the exchange lists."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.plugins.feeds.binance_exchange import Answer, Exchange, running
from tests.unit.cli.conftest import Run


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


def listing(*symbols: str) -> Answer:
    rows = [{"symbol": symbol, "status": "TRADING"} for symbol in symbols] + [{"symbol": "OLDUSDT", "status": "SETTLING"}]
    return lambda request: web.json_response({"symbols": rows})


def write(folder: Path, rest: str, pairs: str) -> None:
    feeds = f"feeds:\n  binance-futures: {{rest: '{rest}'}}\n  replay: {{files: [x]}}\n"
    (folder / "quantd.yaml").write_text(f"pairs: {pairs}\n{feeds}sinks: {{log: {{}}}}\n")


async def test_a_symbol_that_is_not_listed_is_a_mistake(quantd: Run, tmp_path: Path, exchange: Exchange) -> None:
    exchange.replies = [listing("BTCUSDT", "ETHUSDT")]
    write(tmp_path, exchange.url, "[BTCUSD-ETHUSDT, OLDUSDT-BTCUSDT, A-B: replay]")
    done = await asyncio.to_thread(quantd, "check", "--online")
    assert done.returncode == 2
    assert done.stderr == (
        "quantd.yaml:1:9: pairs[0]: binance-futures does not list BTCUSD (did you mean 'BTCUSDT'?)\n"
        "quantd.yaml:1:25: pairs[1]: binance-futures does not list OLDUSDT\n"
        "2 mistakes\n"
    )
    assert done.stdout.endswith(
        "online   binance-futures lists 2 symbols\nonline   replay lists none, so nothing is known of its symbols\n"
    )


async def test_those_that_are_listed_are_right(quantd: Run, tmp_path: Path, exchange: Exchange) -> None:
    exchange.replies = [listing("BTCUSDT", "ETHUSDT")]
    write(tmp_path, exchange.url, "[BTCUSDT-ETHUSDT]")
    done = await asyncio.to_thread(quantd, "check", "--online")
    assert (done.returncode, done.stderr) == (0, "")


async def test_an_exchange_that_refuses_is_unavailable(quantd: Run, tmp_path: Path, exchange: Exchange) -> None:
    exchange.replies = [lambda request: web.json_response({"code": 0, "msg": "Restricted location."}, status=451)]
    write(tmp_path, exchange.url, "[BTCUSD-ETHUSDT]")
    done = await asyncio.to_thread(quantd, "check", "--online")
    assert done.returncode == 69
    assert done.stderr == (
        "quantd: binance-futures: /fapi/v1/exchangeInfo: HTTP 451: the exchange does not serve this location: connect from another one: "
        "'Restricted location.' (code 0)\n"
    )


async def test_one_that_does_not_answer_is_not_waited_for_long(
    quantd: Run, tmp_path: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    monkeypatch.setattr(sys.modules["quantd.cli.check"], "_PATIENCE_S", 0.1)
    exchange.replies = [never]
    write(tmp_path, exchange.url, "[BTCUSD-ETHUSDT]")
    done = await asyncio.to_thread(quantd, "check", "--online")
    assert (done.returncode, done.stderr) == (69, "quantd: binance-futures did not tell within 0.1 s what it lists\n")
