"""The uses of pipelines by pairs and symbols."""

from msgspec import Struct

from quantd.config.model import PairEntry, Pipeline
from quantd.errors import QuantdError


class Use(Struct, frozen=True):
    """A pair, or a single symbol, and its pipeline."""

    name: str
    pipeline: Pipeline
    symbols: tuple[str, ...]
    """The legs of the pair, y first, or the symbol."""

    @classmethod
    def of_pair(cls, pair: PairEntry, pipeline: Pipeline) -> "Use":
        """Return the use of a pipeline by a pair."""
        return cls(pair.name, pipeline, (pair.y, pair.x))

    @classmethod
    def of_symbol(cls, symbol: str, pipeline: Pipeline) -> "Use":
        """Return the use of a pipeline by a symbol."""
        return cls(symbol, pipeline, (symbol,))

    @property
    def is_pair(self) -> bool:
        return len(self.symbols) == 2

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the pipeline's jobs add to points."""
        return tuple(name for stage in self.pipeline.jobs for name in stage.job.metrics)


class Uses:
    """All uses, by name, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_name: dict[str, Use] = {}

    def add(self, use: Use) -> None:
        """Add a use. Raises QuantdError if there is one of that name already."""
        if use.name in self._by_name:
            raise QuantdError(f"{use.name} is processed already: drop it first")
        self._by_name[use.name] = use

    def drop(self, name: str) -> Use | None:
        """Remove and return a use; None if there is none of that name."""
        return self._by_name.pop(name, None)

    def get(self, name: str) -> Use | None:
        return self._by_name.get(name)

    def of_feed(self, feed: str, symbol: str) -> list[Use]:
        """Return the uses on a feed that include a symbol."""
        return [use for use in self._by_name.values() if symbol in use.symbols and use.pipeline.feed == feed]

    def pairs_of(self, symbol: str) -> list[Use]:
        """Return the uses by pairs that have a symbol as a leg."""
        return [use for use in self._by_name.values() if use.is_pair and symbol in use.symbols]
