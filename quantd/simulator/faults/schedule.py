"""The schedule that begins and ends each fault at its time on the exchange's clock."""

import asyncio
from collections.abc import Sequence

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.catalogue import fault_of
from quantd.simulator.faults.fault import FaultRun, World
from quantd.simulator.faults.market import MarketFault, conduct
from quantd.simulator.faults.spec import FaultSpec
from quantd.simulator.faults.step_times import StepTimes, check
from quantd.simulator.steps import Step


class FaultSchedule:
    """Begins and ends faults. The live path calls `advance` at every step of the exchange's clock."""

    def __init__(self, active: ActiveFaults, world: World) -> None:
        self._active = active
        self._world = world
        self._waiting: dict[str, FaultRun] = {}
        self._step_times: list[StepTimes] = []
        self._loaded = 0
        self._count = 0

    @property
    def runs(self) -> list[tuple[FaultRun, bool]]:
        """Every fault that is not over, with whether it is active (or still waits)."""
        return [(run, True) for run in self._active.runs.values()] + [(run, False) for run in self._waiting.values()]

    def add(self, spec: FaultSpec, now: int) -> str:
        """Begin a fault now, or keep it until its time comes. Return its id. Raises FaultSpecError."""
        self._count += 1
        return self.add_as(f"f{self._count}", spec, now)

    def add_as(self, name: str, spec: FaultSpec, now: int) -> str:
        """Begin or keep a fault under a given id, which must be new."""
        exchange = self._world.exchange
        run = FaultRun(name, spec, fault_of(spec), exchange.seed, tuple(exchange.listings))
        if spec.at is not None and spec.at > now:
            self._waiting[run.id] = run
        else:
            self._world.now = now
            self._begin(run)
            self._conduct()
        return run.id

    def load(self, steps: Sequence[Step], start: int) -> str:
        """Run steps whose times count from `start`. Return the prefix of their ids. Raises FaultSpecError."""
        check(steps)
        name = f"s{self._loaded}"
        self._step_times.append(StepTimes(name, steps, start, self._world.exchange.seed))
        self._loaded += 1
        return name

    async def settle(self) -> None:
        """Wait until the last additions have taken effect: shutting or opening a listener takes a moment."""
        prompt, self._world.prompt = self._world.prompt, []
        await asyncio.gather(*prompt)

    def cancel_all(self, now: int) -> None:
        """End all faults and delete those that have not begun."""
        self._step_times.clear()
        self._waiting.clear()
        for name in list(self._active.runs):
            self.cancel(name, now)

    def cancel(self, name: str, now: int) -> bool:
        """End a fault, or delete one that has not begun. Return whether there was one."""
        run = self._active.runs.get(name)
        if run is not None:
            self._world.now = now
            self._end(run)
            self._conduct()
        return run is not None or self._waiting.pop(name, None) is not None

    def advance(self, now: int) -> None:
        """Begin and end every fault that is due at `now`."""
        self._world.now = now
        for run in [each for each in self._active.runs.values() if each.over or (each.until is not None and each.until <= now)]:
            self._end(run)
        due = [run for run in self._waiting.values() if (run.spec.at or 0) <= now]
        for run in sorted(due, key=lambda each: each.spec.at or 0):
            del self._waiting[run.id]
            self._begin(run)
        for times in self._step_times:
            for name, spec in times.due(now):
                self.add_as(name, spec, now)
        self._conduct()
        self._world.prompt = [each for each in self._world.prompt if not each.done()]

    def _begin(self, run: FaultRun) -> None:
        run.began = self._world.now
        run.until = None if run.spec.for_ms is None else run.began + run.spec.for_ms
        if run.fault.lasts():
            self._active.add(run)
        run.fault.begin(run, self._world)

    def _end(self, run: FaultRun) -> None:
        self._active.remove(run)
        for task in run.tasks:
            task.cancel()
        run.ended.set()
        run.fault.end(run, self._world)

    def _conduct(self) -> None:
        faults = self._active.of(MarketFault)
        if faults or any(pace is not None for pace in self._world.paces.values()):
            conduct(self._world, faults)
