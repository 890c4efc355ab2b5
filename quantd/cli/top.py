"""`quantd top`: shows pairs and feeds of the running daemon live."""

from typing import Annotated

import typer

from quantd.cli.options import Config, Url


def top(
    config: Config = None,
    url: Url = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame, and end.")] = False,
) -> None:
    """Show pairs, feeds, alerts and the quality of the data in the terminal, as they change. q or Ctrl-C ends it.

    The token is taken from QUANTD_TOKEN. Exit code 69 if the daemon cannot be reached, 77 if it demands another token.
    """
    import asyncio
    import sys

    from quantd.cli.daemon_status import Denied, find
    from quantd.cli.top_live import show_live, show_once
    from quantd.client import Unauthorized, connect
    from quantd.errors import QuantdError

    if not once and not sys.stdout.isatty():
        raise QuantdError("quantd top needs a terminal: --once prints one frame to a file")
    client = connect(find(config, url))
    try:
        asyncio.run(show_once(client) if once else show_live(client))
    except Unauthorized as error:
        raise Denied(error.told) from None
