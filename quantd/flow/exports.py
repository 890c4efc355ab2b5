"""Stage 6: passes rows to the exporters that take their kind, directly and in order, since an exported file must not lack a row."""

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import get_args

from quantd.clock import Clock
from quantd.errors import QuantdError
from quantd.model import Bar, PairPoint, Tick
from quantd.plugin.base import Exporter, RowKind
from quantd.plugin.blame import blame
from quantd.plugin.guard import Guard
from quantd.supervision.troubles import Troubles

KINDS: tuple[RowKind, ...] = get_args(RowKind)
Rows = Sequence[Tick] | Sequence[Bar] | Sequence[PairPoint]
_PAUSE_S = 1.0
_MOST_WAITING = 200_000
_log = logging.getLogger("quantd.flow")


class Export:
    """One exporter, for all symbols and pairs that use it.

    If it cannot write for now, as on a full disk, rows wait in memory and are written in order once it can, at the latest at the close.
    Beyond the bounds the oldest are dropped. Any other error is a fault of the plugin, and loses the rows of that call.
    """

    def __init__(self, exporter: Exporter, guard: Guard, clock: Clock, troubles: Troubles) -> None:
        self.exporter = exporter
        self.dropped = 0
        self.name = guard.name
        self._guard = guard
        self._clock = clock
        self._troubles = troubles
        self._waiting: deque[tuple[RowKind, Rows]] = deque()
        self._rows = 0
        """Number of rows that wait."""
        self._retry_at = 0.0

    def open(self, metrics: Sequence[str]) -> None:
        """Open the exporter. Raises OSError if it cannot be written, QuantdError if it fails otherwise."""
        try:
            self.exporter.open(metrics)
        except (OSError, QuantdError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise QuantdError(f"exporter {self.name} cannot begin: {blame(error)}") from None

    def write(self, kind: RowKind, rows: Rows) -> None:
        """Write rows of one kind after those that wait."""
        if self._waiting:
            self._keep(kind, rows)
            if self._clock.monotonic() >= self._retry_at:
                self._work_off()
        elif error := self._guard.call(self._try, kind, rows):
            self._keep(kind, rows)
            self._failed(error)

    def release(self, name: str) -> None:
        """Write the waiting rows. The exporter then closes what it has open for this dropped symbol or pair alone."""
        self._work_off()
        self._guard.call(self.exporter.release, name)

    def close(self) -> None:
        """Write the waiting rows, and close the exporter."""
        self._work_off()
        if self._waiting:
            _log.error("exporter %s cannot write the last %d rows: they are not exported", self.name, self._rows)
            self._troubles.end("disk", f"exporter {self.name}")
        self._guard.call(self.exporter.close)

    def _try(self, kind: RowKind, rows: Rows) -> OSError | None:
        try:
            self.exporter.write(kind, rows)
        except OSError as error:
            return error
        return None

    def _work_off(self) -> None:
        while self._waiting:
            kind, rows = self._waiting[0]
            if error := self._guard.call(self._try, kind, rows):
                self._failed(error)
                return
            self._waiting.popleft()
            self._rows -= len(rows)
        if self._troubles.end("disk", f"exporter {self.name}"):
            _log.info("exporter %s writes again", self.name)

    def _keep(self, kind: RowKind, rows: Rows) -> None:
        self._waiting.append((kind, list(rows)))  # type: ignore[arg-type]
        self._rows += len(rows)
        while self._rows > _MOST_WAITING:
            many = len(self._waiting.popleft()[1])
            self._rows -= many
            self.dropped += many

    def _failed(self, error: OSError) -> None:
        self._retry_at = self._clock.monotonic() + _PAUSE_S
        text = f"cannot write: {error}; {self._rows} rows wait in memory, {self.dropped} were dropped: see to its disk"
        if self._troubles.begin("disk", f"exporter {self.name}", text):
            _log.error("exporter %s %s", self.name, text)


class Exports:
    """The exporters of one symbol or pair."""

    def __init__(self, exports: Iterable[Export]) -> None:
        self._by_kind: dict[RowKind, list[Export]] = {}
        self.set(exports)

    def set(self, exports: Iterable[Export]) -> None:
        """Pass rows to these exporters from now on, and to no others."""
        exports = list(exports)
        self._by_kind = {kind: [each for each in exports if kind in each.exporter.kinds] for kind in KINDS}

    def of(self, kind: RowKind) -> Sequence[Export]:
        """Return the exporters that take rows of this kind."""
        return self._by_kind[kind]

    def write(self, kind: RowKind, rows: Rows) -> None:
        """Pass on rows of one kind."""
        if rows:
            for export in self._by_kind[kind]:
                export.write(kind, rows)
