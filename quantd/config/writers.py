"""Checks that every file has one writer: two parts of a config that write to the same file are a mistake."""

from collections.abc import Iterable

from msgspec import Struct

from quantd.config.node import Node
from quantd.config.reader import Reader, join
from quantd.plugin.base import Exporter, Plugin
from quantd.plugin.blame import blame


class Writer(Struct, frozen=True):
    """A plugin of the config that writes, and its place."""

    plugin: Plugin
    node: Node
    path: str

    def is_one_with(self, other: "Writer") -> bool:
        """Return whether the two become one writer, as exporters with equal settings do."""
        return isinstance(self.plugin, Exporter) and self.plugin == other.plugin

    def at(self, key: str) -> tuple[Node, str]:
        """Return the node and path of a setting if it is given, else those of the plugin."""
        given = self.node.value.get(key) if isinstance(self.node.value, dict) else None
        return (given, join(self.path, key)) if given else (self.node, self.path)


def one_writer_a_place(reader: Reader, writers: Iterable[Writer]) -> None:
    """Note every writer that writes to the same file as an earlier one."""
    first: dict[str, Writer] = {}
    for writer in writers:
        places = _places(reader, writer)
        clash = next((place for place in places if place in first and not writer.is_one_with(first[place])), None)
        if clash:
            _tell(reader, clash, writer, first[clash])
        first |= {place: writer for place in places if place not in first}


def _tell(reader: Reader, place: str, writer: Writer, other: Writer) -> None:
    node, path = other.at("dir")
    there = f"{node.file}:{node.line}:{node.column}: {path}" if node.line else f"{node.file}: {path}"
    equal = ", or the same settings" if isinstance(writer.plugin, Exporter) and type(writer.plugin) is type(other.plugin) else ""
    reader.wrong(*writer.at("dir"), f"writes {place}, and so does {there}: give one of them another folder{equal}")


def _places(reader: Reader, writer: Writer) -> list[str]:
    try:
        return sorted(writer.plugin.places())
    except Exception as error:  # a plugin's code may raise anything
        reader.wrong(writer.node, writer.path, f"cannot tell where it writes: {blame(error)}")
        return []
