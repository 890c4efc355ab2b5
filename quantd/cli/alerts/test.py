"""`quantd alerts test`: sends a sample alert to a sink."""

from typing import TYPE_CHECKING, Annotated

import typer

from quantd.cli.options import Config

if TYPE_CHECKING:
    from quantd.model import Alert
    from quantd.plugin.base import AlertSink

_PATIENCE_S = 60.0


def send_sample(
    sink: Annotated[str, typer.Argument(help="The name of a sink of the config.")],
    config: Config = None,
    severity: Annotated[str, typer.Option(help="The severity of the sample.", metavar="WORD")] = "warning",
) -> None:
    """Send a sample alert to a sink, and say what came back.

    It needs no running daemon. The sample has the rule `test` and the label `test: true`. Exit code 69 says that the sink has not taken it,
    75 that it asks for another attempt later.
    """
    import asyncio
    import os

    from quantd.clock import SystemClock
    from quantd.config.load import load
    from quantd.errors import QuantdError, Refused, Retry, close_to

    sinks = load(config, os.environ).config.sinks
    if sink not in sinks:
        unknown = QuantdError(f"no sink is named {sink!r}; there is {', '.join(sinks) or 'none'}")
        unknown.suggestion = close_to(sink, sinks)
        raise unknown
    _show_log()
    clock = SystemClock()
    began = clock.monotonic()
    try:
        asyncio.run(_send(sinks[sink], sample(sink, severity, clock.now())))
    except Retry as error:
        raise Retry(error.after, f"{sink} asks for another attempt in {error.after:g} s: {error}") from None
    except Exception as error:  # a plugin's code may raise anything
        raise Refused(f"{sink} has not taken it: {str(error) or type(error).__name__}") from None
    typer.echo(f"{sink} has taken the sample in {clock.monotonic() - began:.2f} s")


def sample(sink: str, severity: str, now: int) -> "Alert":
    """Return the alert that is sent."""
    from quantd.model import Alert
    from quantd.times import iso

    return Alert(
        id=f"test@{iso(now)}",
        alert_id="test",
        rule="test",
        pair="BTCUSDT-ETHUSDT",
        state="firing",
        value=2.5,
        threshold=2.0,
        since=now,
        ts=now,
        text=f"This is a test of the sink {sink}: no rule has fired",
        metric="zscore",
        severity=severity,
        labels={"test": "true"},
    )


async def _send(sink: "AlertSink", alert: "Alert") -> None:
    import asyncio

    async with asyncio.timeout(_PATIENCE_S):
        try:
            await sink.start()
            await sink.send(alert)
        finally:
            await sink.stop()


def _show_log() -> None:
    """Print what sinks log, down to what was answered."""
    import logging
    import sys

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name, level in (("quantd.plugin.sink", logging.DEBUG), ("quantd.alerts", logging.INFO)):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
