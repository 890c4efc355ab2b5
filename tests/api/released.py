"""The documents of releases, in docs/released: what clients out there rely on. `python -m tests.api.released` adds today's."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from quantd.api import asyncapi, openapi
from quantd.api.table import ROUTES

FOLDER = Path(__file__).parents[2] / "docs/released"
_TEXTS = ("description", "summary", "example", "examples")


def last(kind: str = "openapi") -> Any:
    """The document of a kind of the last release."""
    return json.loads(max(FOLDER.glob(f"{kind}-*.json"), key=_number).read_text("utf-8"))


def _number(file: Path) -> list[int]:
    """The version in a file's name: 0.10 comes after 0.9."""
    return [int(part) for part in file.stem.rpartition("-")[2].split(".")]


def without_texts(value: Any, *, of_names: bool = False) -> Any:
    """What programs rely on; `of_names` says that the keys are names, none of them a text."""
    if isinstance(value, list):
        return [without_texts(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: each for key, each in value.items() if of_names or key not in _TEXTS}
    return {key: without_texts(each, of_names=key in ("properties", "schemas")) for key, each in kept.items()}


def now(kind: str = "openapi") -> Any:
    """The document of a kind as it is today."""
    return without_texts(openapi.document(ROUTES) if kind == "openapi" else asyncapi.document())


def release() -> None:
    """Write the documents of this version, which later ones are compared with."""
    number = ".".join(version("quantd").split(".")[:2])
    for kind in ("openapi", "asyncapi"):
        (FOLDER / f"{kind}-{number}.json").write_text(json.dumps(now(kind), indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    release()
