"""`quantd run`: starts the daemon."""

from typing import Annotated

import typer

from quantd.cli.options import Auth, Config


def run(
    config: Config = None,
    listen: Annotated[str | None, typer.Option(help="Serve on this address instead of the one in the config.", metavar="HOST:PORT")] = None,
    auth: Auth = None,
) -> None:
    """Watch the pairs of quantd.yaml until SIGTERM: live feed, analytics, alerts, REST and WebSocket.

    Exits with 2 if the config is wrong or other hosts could reach the API without a token, 74 if the state directory cannot be written, 75
    if another quantd uses it, and 78 if a later version has written it.
    """
    import os

    from quantd.config.load import load, nothing_to_watch
    from quantd.daemon import Daemon, run_until_signal
    from quantd.errors import QuantdError
    from quantd.log import setup

    loaded = load(config, os.environ)
    idle = nothing_to_watch(loaded)
    if idle and not loaded.config.feeds:
        raise QuantdError(idle)
    if idle:
        typer.echo(f"quantd: {idle}, or ask the API for symbols", err=True)
    setup(loaded.config.log, background=True)
    run_until_signal(lambda: Daemon(loaded, listen, auth))
