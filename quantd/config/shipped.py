"""Finds the files that come with quantd, in the checkout or, if it is installed, in `share/quantd`."""

from importlib import metadata
from os.path import isfile
from pathlib import Path

from quantd.errors import QuantdError

_CHECKOUT = Path(__file__).parents[2]


def shipped(name: str) -> Path:
    """Return the path of a shipped file, like `pipelines/default.yaml`. Raises QuantdError."""
    if isfile(_CHECKOUT / "pyproject.toml") and isfile(_CHECKOUT / name):
        return _CHECKOUT / name
    for file in metadata.files("quantd") or []:
        if file.as_posix().endswith(f"share/quantd/{name}"):
            return Path(str(file.locate())).resolve()
    raise QuantdError(f"{name} is missing from the installation: install quantd again")


def shipped_pipelines() -> list[str]:
    """Return the names of the shipped pipelines."""
    folder = shipped("pipelines/default.yaml").parent
    return sorted(path.stem for path in folder.glob("*.yaml"))
