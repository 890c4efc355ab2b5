"""Looks into the models of the official SDK: what they did not expect, and what they were not told."""

import logging
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

ONE_OF = {"oneof_schema_1_validator", "oneof_schema_2_validator", "one_of_schemas"}


class Complaints(logging.Handler):
    """Every warning of the SDK: it gives up on strict types, and then on its model, with no more than that."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def findings(value: Any) -> dict[str, Any]:
    """`extra` and `unset` fields of a model, or of a list of them, by path, and the names of the `models` that were met, in order."""
    extra, unset, models = dict[str, Any](), set[str](), dict[str, None]()
    for path, model in _models(value, ""):
        models[type(model).__name__] = None
        extra |= {_join(path, key): each for key, each in getattr(model, "additional_properties", {}).items()}
        unset |= {_join(path, name) for name in type(model).model_fields if name not in ONE_OF and getattr(model, name) is None}
    return {"extra": extra, "unset": sorted(unset), "models": list(models)}


def _models(value: Any, path: str) -> Iterator[tuple[str, BaseModel]]:
    if isinstance(value, list):
        for each in value:
            yield from _models(each, path)
    elif isinstance(value, BaseModel):
        actual = getattr(value, "actual_instance", None)
        if actual is not None:
            yield from _models(actual, path)
            return
        yield path, value
        for name in type(value).model_fields:
            yield from _models(getattr(value, name), _join(path, name))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
