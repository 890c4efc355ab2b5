"""The faults that are active now, and their effects."""

import re
from collections.abc import Sequence
from typing import TypeVar

from quantd.simulator.faults.connections import NoPing
from quantd.simulator.faults.fault import Connection, Fault, FaultRun, Frame, FrameFault

_SUBSCRIBE = re.compile(r'"method"\s*:\s*"SUBSCRIBE"')

F = TypeVar("F", bound=Fault)


class ActiveFaults:
    """The runs of the active faults, in the order in which they began."""

    def __init__(self) -> None:
        self.runs: dict[str, FaultRun] = {}
        self._by_kind: dict[type[Fault], list[tuple[FaultRun, Fault]]] = {}

    def add(self, run: FaultRun) -> None:
        self.runs[run.id] = run
        self._by_kind.clear()

    def remove(self, run: FaultRun) -> None:
        del self.runs[run.id]
        self._by_kind.clear()

    def of(self, kind: type[F]) -> list[tuple[FaultRun, F]]:
        """Return the runs of the faults of this kind or family."""
        found = self._by_kind.get(kind)
        if found is None:
            found = [(run, run.fault) for run in self.runs.values() if isinstance(run.fault, kind)]
            self._by_kind[kind] = found
        return found  # type: ignore[return-value]  # the list holds what isinstance selected

    def treat(self, connection: Connection, stream: str, payloads: Sequence[bytes]) -> bytes:
        """Return the bytes that a connection receives for a publication."""
        frames = [Frame(stream, payload) for payload in payloads]
        for run, fault in sorted(self.of(FrameFault), key=lambda each: each[1].last):
            if not run.over and fault.concerns(run, connection, stream):
                frames = fault.frames(run, connection, frames)
        return b"".join([each.encoded(connection) for each in frames])

    def takes_answer(self, connection: Connection, request: str | bytes, text: str) -> bool:
        """Return whether a fault sends, delays or withholds the answer to a SUBSCRIBE itself."""
        faults = self.of(FrameFault)
        if not faults or not _SUBSCRIBE.search(request if isinstance(request, str) else request.decode(errors="replace")):
            return False
        return any(not run.over and run.meets(connection) and fault.answer(run, connection, text) for run, fault in faults)

    def pings(self, connection: Connection) -> bool:
        """Return whether the exchange pings this connection."""
        return not any(run.meets(connection) for run, _ in self.of(NoPing))
