"""`quantd config`: shows the settings in effect."""

from typing import Annotated

import typer

from quantd.cli.options import Config

config = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@config.callback()
def _config() -> None:
    """Show the settings in effect."""


@config.command()
def show(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: key, value and origin of each setting.")] = False,
) -> None:
    """Print every setting with its origin: file and line, an environment variable, or a default.

    Values from the environment are shown by the names of their variables; what looks like a credential is hidden.
    """
    import os

    import msgspec

    from quantd.config.load import load
    from quantd.config.origins import settings_of

    settings = settings_of(load(config, os.environ))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(settings)).decode())
        return
    key, value = (max(len(text) for text in (each.key if kind else each.value for each in settings) if len(text) <= 48) for kind in (1, 0))
    for each in settings:
        typer.echo(f"{each.key:{key}}  {each.value:{value}}  {each.origin}")
