"""`quantd schema`: prints the JSON Schema of the config files, for editors, and the documents of the API, for programs."""

from typing import Annotated, Any, Literal

import typer

from quantd.cli.options import Config


def schema(
    what: Annotated[
        Literal["config", "pipeline", "openapi", "asyncapi"],
        typer.Argument(help="The schema of quantd.yaml or of a file in pipelines/, or what /openapi.json or /asyncapi.json serves."),
    ] = "config",
    config: Config = None,
) -> None:
    """Print the JSON Schema of a config file, or a document of the API.

    The schema includes the settings of every plugin. An editor with it completes and checks the file while you type.
    """
    import json
    import os

    from quantd.config.load import find_plugins
    from quantd.config.schema import schema as schema_of

    if what == "openapi" or what == "asyncapi":
        found = _document(what)
    else:
        registry, _ = find_plugins(config, os.environ)
        found = schema_of(registry, what)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _document(what: Literal["openapi", "asyncapi"]) -> dict[str, Any]:
    from quantd.api import asyncapi, openapi
    from quantd.api.table import ROUTES

    return openapi.document(ROUTES) if what == "openapi" else asyncapi.document()
