"""Stores the bars that a run leaves to be rebuilt by the next one."""

import logging
from collections.abc import MutableMapping, Sequence

import msgspec

from quantd.blobs import recalled
from quantd.flow.ingest.ledger import Span

_log = logging.getLogger("quantd.flow")


class LeftOver:
    """The times of bars still to be rebuilt, by symbol, in storage that survives a restart. If it cannot be read or written, as on a full
    disk, the flow continues without it.

    >>> left = LeftOver({})
    >>> left.write("BTCUSDT", [(0, 999)])
    >>> left.read("BTCUSDT"), left.read("ETHUSDT")
    ([(0, 999)], [])
    """

    def __init__(self, kept: MutableMapping[str, bytes]) -> None:
        self._kept = kept

    def read(self, symbol: str) -> Sequence[Span]:
        """Return the times (ms, both ends included) that an earlier run left."""
        try:
            return recalled(self._kept, _key(symbol), list[Span]) or []
        except Exception as error:
            _log.warning("%s: which bars the run before has left to be rebuilt is not known: %s", symbol, error)
            return []

    def write(self, symbol: str, spans: Sequence[Span]) -> None:
        """Store the times (ms, both ends included) for the next run."""
        try:
            if spans:
                self._kept[_key(symbol)] = msgspec.json.encode(spans)
            else:
                self._kept.pop(_key(symbol), None)
        except Exception as error:
            _log.warning("%s: which bars are to be rebuilt is not kept for the next start: %s", symbol, error)


def _key(symbol: str) -> str:
    return f"rebuild/{symbol}"
