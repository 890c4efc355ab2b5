"""Reads one line of `pairs:`: `Y-X`, or `Y-X: pipeline`."""

from quantd.config.node import Node, shown
from quantd.config.reader import Reader
from quantd.config.texts import Text, as_legs

DEFAULT_PIPELINE = "default"
FORM = {"type": "string", "pattern": "^[^-]+-[^-]+$"}
SCHEMA = {
    "anyOf": [
        FORM,
        {
            "type": "object",
            "propertyNames": FORM,
            "additionalProperties": {"type": "string", "minLength": 1},
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}


def read_pair(reader: Reader, node: Node, path: str) -> tuple[str, str, str] | None:
    """Return y, x and the name of the pipeline."""
    name, pipeline = name_and_pipeline(node)
    if name is None:
        reader.wrong(node, path, "expected Y-X, or Y-X: pipeline")
        return None
    legs = reader.text(name, path, as_legs)
    chosen = _chosen(reader, pipeline, path)
    return (*legs, chosen) if legs and chosen else None


def name_and_pipeline(node: Node) -> tuple[Node | None, Node]:
    """Return the node of a pair's name, or None unless there is exactly one, and the node of its pipeline's name."""
    if not isinstance(node.value, dict):
        return node, Node(DEFAULT_PIPELINE, node.file, node.line, node.column)
    if len(node.value) != 1:
        return None, node
    ((name, pipeline),) = node.value.items()
    return node.at(name), pipeline


def _chosen(reader: Reader, node: Node, path: str) -> str | None:
    if isinstance(node.value, str):
        return reader.value(node, path, Text)  # type: ignore[no-any-return]
    reader.wrong(node, path, f"expected the name of a pipeline, found {shown(node)}")
    return None
