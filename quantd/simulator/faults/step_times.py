"""The times at which the steps of a scenario begin their faults."""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random

from quantd.simulator.faults.catalogue import fault_of
from quantd.simulator.faults.spec import FaultSpec, FaultSpecError
from quantd.simulator.steps import Step


def check(steps: Sequence[Step]) -> None:
    """Check the faults of the steps. Raises FaultSpecError if a step asks for a fault that does not exist."""
    for number, step in enumerate(steps):
        try:
            fault_of(step.fault.spec())
        except FaultSpecError as error:
            raise FaultSpecError(f"steps[{number}]: {error}") from error


class StepTimes:
    """Steps whose times count from `start` (ms since 1970). Equal seeds give equal times."""

    def __init__(self, name: str, steps: Sequence[Step], start: int, seed: int) -> None:
        self._name = name
        self._specs = [step.fault.spec() for step in steps]
        self._times = [_times(step, start, Random(f"{seed} step {number}")) for number, step in enumerate(steps)]
        self._coming: list[tuple[int, int, int]] = []  # time, step, number of earlier runs
        for number in range(len(steps)):
            self._plan(number, 0)
        heapify(self._coming)

    def due(self, now: int) -> Iterator[tuple[str, FaultSpec]]:
        """Yield the specifications of all steps that became due up to `now` since the last call, each with a unique name."""
        while self._coming and self._coming[0][0] <= now:
            _, number, before = heappop(self._coming)
            self._plan(number, before + 1)
            yield f"{self._name}.{number}.{before}", self._specs[number]

    def _plan(self, number: int, before: int) -> None:
        time = next(self._times[number], None)
        if time is not None:
            heappush(self._coming, (time, number, before))


def _times(step: Step, start: int, draws: Random) -> Iterator[int]:
    if step.every is None:
        yield start + (step.at.ms if step.at else 0)
        return
    first, every, jitter = step.at or step.every, step.every.ms, step.jitter.ms if step.jitter else 0
    for regular in count(first.ms, every):
        if step.until is not None and regular > step.until.ms:
            return
        yield start + max(0, regular + draws.randint(-jitter, jitter))
