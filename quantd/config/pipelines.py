"""Finds and reads `pipelines/*.yaml`."""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from quantd.config.checks import Checks
from quantd.config.model import Pipeline, PipelineFile
from quantd.config.node import Node
from quantd.config.reader import Reader
from quantd.config.sections import read_section
from quantd.config.shipped import shipped, shipped_pipelines
from quantd.config.tree import substitute
from quantd.config.writers import Writer
from quantd.config.yaml12 import parse
from quantd.errors import ConfigError, Mistake, QuantdError, close_to
from quantd.plugin.base import Feed


class Folder:
    """The pipelines beside a quantd.yaml, with `${NAME}` filled in. A name that is not found there is looked up among the shipped
    pipelines."""

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        given: Mapping[str, Node] | None = None,
        mistakes: list[Mistake] | None = None,
    ) -> None:
        self._path = path
        self._environ = environ
        self._given = given or {}
        self._mistakes = mistakes

    def names(self) -> list[str]:
        """Return the names of the pipelines in the folder."""
        return sorted({path.stem for path in self._path.glob("*.yaml")} | set(self._given))

    def node(self, name: str, seen: tuple[str, ...] = ()) -> Node:
        """Return the pipeline's keys, including those of the pipelines that it extends. Raises QuantdError."""
        node = self._given.get(name) or self._read(name)
        if not isinstance(node.value, dict):
            raise ConfigError([node.mistake("", "expected a mapping: feed, bars, regression and so on")])
        base = node.value.get("extends")
        if base is None:
            return node
        if not isinstance(base.value, str):
            raise ConfigError([base.mistake("extends", "expected a pipeline's name")])
        if base.value in (*seen, name):
            raise ConfigError([base.mistake("extends", f"goes round in a circle: {' -> '.join((*seen, name, base.value))}")])
        below = self._below(base, (*seen, name))
        return Node(below.value | node.value, node.file, node.line, node.column, below.keys | node.keys)

    def _below(self, base: Node, seen: tuple[str, ...]) -> Node:
        try:
            return self.node(base.value, seen)
        except NoPipeline as error:
            raise ConfigError([base.mistake("extends", str(error), error.suggestion)]) from None

    def _read(self, name: str) -> Node:
        path = self._path / f"{name}.yaml"
        if name not in self.names():
            try:
                path = shipped(f"pipelines/{name}.yaml")
            except QuantdError:
                raise NoPipeline(name, path, sorted({*self.names(), *shipped_pipelines()})) from None
        wrong: list[Mistake] = []
        node = read_file(path, wrong)
        substitute(node, self._environ, wrong)
        if self._mistakes is None and wrong:
            raise ConfigError(wrong)
        if self._mistakes is not None:
            self._mistakes += wrong
        return node


class NoPipeline(QuantdError):
    """There is no pipeline of this name."""

    def __init__(self, name: str, path: Path, names: Collection[str]) -> None:
        super().__init__(f"no pipeline {name!r}: there is no {path}; there is {', '.join(names) or 'none'}")
        self.suggestion = close_to(name, names)


def read_file(path: Path, mistakes: list[Mistake] | None = None) -> Node:
    """Return the nodes of a file; see `parse`. Raises ConfigError."""
    try:
        return parse(path.read_bytes().decode(), str(path), mistakes)
    except OSError as error:
        raise ConfigError([Mistake(str(path), 1, 1, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ConfigError([Mistake(str(path), line, column, "", "is not UTF-8 text: save it as UTF-8")]) from None


def read_pipeline(
    reader: Reader, name: str, node: Node, feeds: Mapping[str, Feed | None], sinks: Collection[str], writers: list[Writer]
) -> Pipeline | None:
    """Return a pipeline of checked parts; None, with the mistakes noted in the reader, if one is wrong. Its exporters are added to
    `writers`."""
    before = len(reader.mistakes)
    part = read_section(reader, node, "", PipelineFile)
    writers += [Writer(each.value, each.node, each.path) for each in part.keys["exports"].items if each.value and each.node]
    checks = Checks(reader, part, feeds, sinks)
    if len(reader.mistakes) > before:
        return None
    return Pipeline(name=name, **msgspec.structs.asdict(part.value) | {"jobs": checks.jobs, "alerts": checks.alerts})
