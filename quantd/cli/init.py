"""`quantd init`: writes a config to start from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

_DROP_IN = "plugins/shrunk.py"
_SHRUNK = '''\
"""An example of a drop-in plugin: name it in a pipeline with `regression: {use: shrunk, penalty: 0.5}`."""

from typing import Annotated

from msgspec import Meta

import quantd


class Shrunk(quantd.Regression):
    """Shrinks beta towards zero by `penalty`; alpha is 0."""

    penalty: Annotated[float, Meta(ge=0, description="Weight of beta squared in the loss.")] = 1.0

    def fit(self, y, x):
        power = float(x @ x) + self.penalty
        return quantd.Hedge(alpha=0.0, beta=float(x @ y) / power, n=len(y)) if power else None


@quantd.hookimpl
def register_regressions(register):
    register("shrunk", Shrunk)
'''


def init(directory: Annotated[Path, typer.Argument(help="The folder to write to.", metavar="[DIR]")] = Path()) -> None:
    """Write a config, pipelines and an example plugin."""
    from quantd.config.shipped import shipped, shipped_pipelines

    names = ["quantd.yaml", *(f"pipelines/{name}.yaml" for name in shipped_pipelines())]
    texts = {directory / name: shipped(name).read_text("utf-8") for name in names} | {directory / _DROP_IN: _SHRUNK}
    there = [path for path in texts if path.exists() or path.is_symlink()]
    for path in there:
        typer.echo(f"{path} is there already", err=True)
    if there:
        typer.echo("nothing was written: choose another folder, or move these files away", err=True)
        raise typer.Exit(1)
    _write(texts)
    for path in texts:
        typer.echo(f"wrote {path}")
    where = "" if directory == Path() else f"cd {directory} && "
    typer.echo(f"Next: name your pairs in {directory / 'quantd.yaml'}, then: {where}quantd check")


def _write(texts: Mapping[Path, str]) -> None:
    """Write all files or none."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        typer.echo(f"cannot write {error.filename}: {error.strerror}; nothing was written", err=True)
        raise typer.Exit(1) from None
