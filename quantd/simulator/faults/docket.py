"""Which faults are at work."""

import re
from collections.abc import Sequence
from typing import TypeVar

from quantd.simulator.faults.fault import Case, Fault, Frame, FrameFault, Line
from quantd.simulator.faults.lines import NoPing

_SUBSCRIBE = re.compile(r'"method"\s*:\s*"SUBSCRIBE"')

F = TypeVar("F", bound=Fault)


class Docket:
    """The cases at work, in the order in which they began."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self._by_kind: dict[type[Fault], list[tuple[Case, Fault]]] = {}

    def add(self, case: Case) -> None:
        self.cases[case.id] = case
        self._by_kind.clear()

    def remove(self, case: Case) -> None:
        del self.cases[case.id]
        self._by_kind.clear()

    def of(self, kind: type[F]) -> list[tuple[Case, F]]:
        """The cases of this kind or family."""
        found = self._by_kind.get(kind)
        if found is None:
            found = [(case, case.fault) for case in self.cases.values() if isinstance(case.fault, kind)]
            self._by_kind[kind] = found
        return found  # type: ignore[return-value]  # it holds what isinstance chose

    def treat(self, line: Line, stream: str, payloads: Sequence[bytes]) -> bytes:
        """The bytes that a connection gets for a publication."""
        frames = [Frame(stream, payload) for payload in payloads]
        for case, fault in sorted(self.of(FrameFault), key=lambda each: each[1].last):
            if not case.over and fault.concerns(case, line, stream):
                frames = fault.frames(case, line, frames)
        return b"".join([each.encoded(line) for each in frames])

    def takes_answer(self, line: Line, request: str | bytes, text: str) -> bool:
        """Whether a fault has taken the answer to a SUBSCRIBE into its own hands."""
        faults = self.of(FrameFault)
        if not faults or not _SUBSCRIBE.search(request if isinstance(request, str) else request.decode(errors="replace")):
            return False
        return any(not case.over and case.meets(line) and fault.answer(case, line, text) for case, fault in faults)

    def pings(self, line: Line) -> bool:
        """Whether the exchange pings this connection."""
        return not any(case.meets(line) for case, _ in self.of(NoPing))
