"""`quantd schema`: prints the JSON Schema of the config files, for editors."""

from typing import Annotated, Literal

import typer

from quantd.cli.options import Config


def schema(
    what: Annotated[Literal["config", "pipeline"], typer.Argument(help="The schema of quantd.yaml or of a file in pipelines/.")] = "config",
    config: Config = None,
) -> None:
    """Print the JSON Schema of a config file.

    It includes the settings of every plugin. An editor with this schema completes and checks the file while you type.
    """
    import json
    import os

    from quantd.config.load import find_plugins
    from quantd.config.schema import schema as schema_of

    registry, _ = find_plugins(config, os.environ)
    typer.echo(json.dumps(schema_of(registry, what), indent=2, ensure_ascii=False))
