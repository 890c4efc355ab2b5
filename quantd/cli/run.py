"""`quantd run`: the daemon."""

from pathlib import Path
from typing import Annotated

import typer

LOCKED = 75  # EX_TEMPFAIL: another daemon has the state


def run(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The config file.", metavar="FILE")] = None,
    listen: Annotated[str | None, typer.Option(help="Serve here instead of where the config says.", metavar="HOST:PORT")] = None,
) -> None:
    """Watch the pairs of quantd.yaml until SIGTERM: live feed, analytics, alerts, REST and WebSocket."""
    import os

    from quantd.config.load import load
    from quantd.daemon import Daemon, run_until_signal
    from quantd.log import setup
    from quantd.state import StateLocked
    from quantd.stats.kernels import workshop

    loaded = load(config, os.environ)
    setup(loaded.config.log)
    workshop.keep_in(loaded.config.state_dir / "kernels")
    try:
        run_until_signal(lambda: Daemon(loaded, listen))
    except StateLocked as error:
        typer.echo(f"quantd: {error}", err=True)
        raise typer.Exit(LOCKED) from None
