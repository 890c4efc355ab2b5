"""`quantd demo`: a made-up market through the whole of quantd."""

from typing import Annotated

import typer


def demo(duration: Annotated[str, typer.Option(help="How much market time to make up.", metavar="30m")] = "30m") -> None:
    """Replay a synthetic market of two cointegrated pairs and print what quantd computes. Needs no config."""
    import os
    from pathlib import Path

    from quantd.cli.session import play
    from quantd.config.load import build
    from quantd.config.pipelines import Folder

    keys = Folder(Path("pipelines")).node("default").plain | {"exports": []}
    raw = {
        "pairs": ["BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT"],
        "feeds": {keys["feed"]: {"duration": duration}},
        "sinks": {"log": {}},
        "plugins": {"dirs": []},
    }
    play(build(raw, {"default": keys}, os.environ))
