"""The exporters of a runtime. Pairs and symbols whose pipelines name one with equal settings share it."""

import logging
from collections.abc import Iterable
from itertools import count

import msgspec
from msgspec import Struct

from quantd.clock import Clock
from quantd.errors import QuantdError, StateUnusable
from quantd.flow.exports import Export
from quantd.plugin.base import Exporter, Plugin
from quantd.runtime.guards import Guards
from quantd.runtime.uses import Use
from quantd.supervision.troubles import Troubles

_log = logging.getLogger("quantd.live")


class _Shared(Struct):
    """One exporter, and its users by name."""

    export: Export
    number: int
    users: dict[str, Use] = {}
    columns: tuple[str, ...] = ()
    """The metrics that the exporter was opened with."""

    @property
    def series(self) -> set[str]:
        """The pairs and symbols whose rows the exporter may get."""
        return {name for use in self.users.values() for name in (use.name, *use.symbols)}

    def open(self) -> None:
        """Open the exporter with the metrics in the points of its users. Raises QuantdError if that fails."""
        self.columns = tuple(dict.fromkeys(name for use in self.users.values() for name in use.metrics))
        try:
            self.export.open(self.columns)
        except OSError as error:
            raise StateUnusable(f"exporter {self.export.name} cannot write to {error.filename}: {error.strerror}") from error

    def join(self, use: Use, *, is_open: bool) -> None:
        """Add a user. The columns of an open exporter stay as they are."""
        self.users[use.name] = use
        lacking = [name for name in use.metrics if name not in self.columns] if is_open else []
        if lacking:
            text = "exporter %s has no column, until the next start, for what %s adds to its points: %s"
            _log.warning(text, self.export.name, use.name, ", ".join(lacking))


class Exporters:
    """The exporters, which are open between `open` and `close`. One that is added meanwhile is opened at once; one without users is
    closed."""

    def __init__(self, guards: Guards, clock: Clock, troubles: Troubles) -> None:
        self._guards = guards
        self._clock = clock
        self._troubles = troubles
        self._shared: dict[bytes, _Shared] = {}
        """Exporters by kind and settings."""
        self._are_open = False

    def add(self, use: Use) -> None:
        """Add the exporters of a pair's or symbol's pipeline. Raises QuantdError, without any change, if one of them cannot be opened."""
        try:
            for exporter in use.pipeline.exports:
                self._add(use, exporter)
        except QuantdError:
            self.drop(use.name)
            raise

    def drop(self, name: str) -> None:
        """Remove a pair or symbol. Exporters without other users are closed; the others release its series."""
        for key, shared in [(key, shared) for key, shared in self._shared.items() if name in shared.users]:
            before = shared.series
            del shared.users[name]
            if shared.users:
                self._release(shared, before - shared.series)
            else:
                del self._shared[key]
                self._close(shared)

    def of(self, uses: Iterable[Use]) -> list[Export]:
        """Return the exporters of these uses, each once."""
        keys = dict.fromkeys(_key(exporter) for use in uses for exporter in use.pipeline.exports)
        return [self._shared[key].export for key in keys]

    def open(self) -> None:
        """Open all exporters. Raises QuantdError if one of them cannot be opened."""
        for shared in self._shared.values():
            shared.open()
        self._are_open = True

    def close(self) -> None:
        """Write the waiting rows, and close all exporters."""
        self._are_open = False
        for shared in self._shared.values():
            shared.export.close()

    def _add(self, use: Use, exporter: Exporter) -> None:
        key = _key(exporter)
        if key in self._shared:
            self._shared[key].join(use, is_open=self._are_open)
            return
        shared = self._fresh(exporter, use)
        if self._are_open:
            self._try_to_open(shared)
        self._shared[key] = shared

    def _fresh(self, exporter: Exporter, use: Use) -> _Shared:
        taken = {shared.number for shared in self._shared.values()}
        number = next(number for number in count(1) if number not in taken)
        return _Shared(Export(exporter, self._guards(exporter, str(number)), self._clock, self._troubles), number, {use.name: use})

    def _try_to_open(self, shared: _Shared) -> None:
        try:
            shared.open()
        except QuantdError:
            self._forget(shared)
            raise

    def _release(self, shared: _Shared, names: Iterable[str]) -> None:
        for name in sorted(names) if self._are_open else ():
            shared.export.release(name)

    def _close(self, shared: _Shared) -> None:
        if self._are_open:
            shared.export.close()
        self._forget(shared)

    def _forget(self, shared: _Shared) -> None:
        self._guards.forget_use(shared.export.exporter, str(shared.number))


def _key(plugin: Plugin) -> bytes:
    return repr(type(plugin)).encode() + msgspec.json.encode(plugin)
