"""`quantd run`: the daemon."""

from typing import Annotated

import typer

from quantd.cli.options import Config


def run(
    config: Config = None,
    listen: Annotated[str | None, typer.Option(help="Serve here instead of where the config says.", metavar="HOST:PORT")] = None,
) -> None:
    """Watch the pairs of quantd.yaml until SIGTERM: live feed, analytics, alerts, REST and WebSocket.

    Exits with 2 where the config is wrong, 74 while the state directory cannot be written, 75 while another quantd has it, 78 where a later
    version has written it."""
    import os

    from quantd.config.load import load, nothing_to_watch
    from quantd.daemon import Daemon, run_until_signal
    from quantd.errors import QuantdError
    from quantd.log import setup
    from quantd.stats.kernels import compiler
    from quantd.supervision.signals import leave

    loaded = load(config, os.environ)
    idle = nothing_to_watch(loaded)
    if idle and not loaded.config.feeds:
        raise QuantdError(idle)
    if idle:
        typer.echo(f"quantd: {idle}, or ask the API for symbols", err=True)
    setup(loaded.config.log, beside=True)
    compiler.stay(loaded.config.state_dir / "kernels")
    run_until_signal(lambda: Daemon(loaded, listen))
    if compiler.is_compiling:  # which may take long on a busy machine, and no compiler can be told to stop
        leave(0)
