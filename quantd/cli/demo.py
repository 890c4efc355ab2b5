"""`quantd demo`: the daemon on a simulated exchange."""

from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Auth

if TYPE_CHECKING:
    from pathlib import Path

    from quantd.cli.exchange import Exchange
    from quantd.config.load import Loaded
    from quantd.daemon import Daemon

_TELL_EVERY_S = 5.0


def demo(
    listen: Annotated[str, typer.Option(help="Address on which to serve.", metavar="HOST:PORT")] = "127.0.0.1:8000",
    duration: Annotated[str | None, typer.Option("--for", help="Stop after this time.", metavar="55s")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.")] = 1,
    auth: Auth = None,
) -> None:
    """Start a simulated exchange and the daemon on it. Needs no config and leaves no files behind."""
    import tempfile
    from pathlib import Path

    from quantd.api.access.listening import ANYBODY, LOOPBACK, served
    from quantd.cli.exchange import simulator
    from quantd.config.model import ApiSettings
    from quantd.daemon import Daemon, run_until_signal
    from quantd.log import setup

    seconds = _seconds(duration)
    served(ApiSettings(), listen, auth, tokens=False, ways=(LOOPBACK, ANYBODY, "use `quantd run`, whose state directory may hold tokens"))
    setup("warning", background=True)
    with tempfile.TemporaryDirectory(prefix="quantd-demo-") as folder, simulator(Path(folder, "ledger"), "--seed", str(seed)) as exchange:
        loaded = _load(exchange, Path(folder, "state"))
        run_until_signal(lambda: Daemon(loaded, listen, auth), seconds, _report)


def _seconds(duration: str | None) -> float | None:
    from quantd.errors import QuantdError
    from quantd.timeframes import duration as milliseconds

    try:
        return milliseconds(duration) / 1000 if duration else None
    except ValueError as error:
        raise QuantdError(f"--for: {error}") from None


def _load(exchange: "Exchange", state: "Path") -> "Loaded":
    """Return a config with the shipped default pipeline on that exchange."""
    from quantd.config.load import build
    from quantd.config.pipelines import Folder
    from quantd.config.shipped import shipped

    pipeline = Folder(shipped("pipelines/default.yaml").parent, {}).node("default").value
    raw = {
        "pairs": ["BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT"],
        "symbols": ["BNBUSDT", "ADAUSDT"],
        "feeds": {"binance-futures": {"ws": exchange.ws, "rest": exchange.rest, "files": exchange.rest}},
        "store": "local",
        "sinks": {"log": {}},
        "state": {"dir": str(state)},
        "plugins": {"dirs": []},
    }
    return build(raw, {"default": pipeline | {"exports": []}}, {})


async def _report(daemon: "Daemon") -> None:
    """Print the address of the page, then every few seconds the rate of ticks and the z-scores."""
    import asyncio

    typer.echo(f"Open http://{daemon.listen} in a browser. Ctrl-C stops.")
    before = 0
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        total = sum(feed.ticks for feed in daemon.services.status.feeds())
        points = [pair.point for pair in daemon.services.analytics.pairs() if pair.point]
        scores = "  ".join(f"{point.pair} {point.every} {'-' if point.zscore is None else f'{point.zscore:+.2f}'}" for point in points)
        typer.echo(f"{(total - before) / _TELL_EVERY_S:6.1f} ticks/s   z-scores: {scores or 'windows are filling'}")
        before = total
