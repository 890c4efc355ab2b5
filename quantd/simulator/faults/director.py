"""Begins each fault at its time and ends it at its own, by the exchange's clock."""

import asyncio
from collections.abc import Sequence

from quantd.simulator.faults.catalogue import fault_of
from quantd.simulator.faults.docket import Docket
from quantd.simulator.faults.fault import Case, World
from quantd.simulator.faults.market import MarketFault, conduct
from quantd.simulator.faults.order import Order
from quantd.simulator.faults.script import Script, check
from quantd.simulator.steps import Step


class Director:
    """Takes orders. `advance` must be called often; the live path does."""

    def __init__(self, docket: Docket, world: World) -> None:
        self._docket = docket
        self._world = world
        self._waiting: dict[str, Case] = {}
        self._scripts: list[Script] = []
        self._loaded = 0
        self._count = 0

    @property
    def cases(self) -> list[tuple[Case, bool]]:
        """Every order that is not over, and whether it is at work or still waits."""
        return [(case, True) for case in self._docket.cases.values()] + [(case, False) for case in self._waiting.values()]

    def order(self, order: Order, now: int) -> str:
        """Begins a fault now, or notes it if its time is yet to come; its id. Raises OrderError."""
        self._count += 1
        return self.start(f"f{self._count}", order, now)

    def start(self, name: str, order: Order, now: int) -> str:
        """The same under a given id, which must be new."""
        exchange = self._world.exchange
        case = Case(name, order, fault_of(order), exchange.seed, tuple(exchange.listings))
        if order.at is not None and order.at > now:
            self._waiting[case.id] = case
        else:
            self._world.now = now
            self._begin(case)
            self._conduct()
        return case.id

    def load(self, steps: Sequence[Step], start: int) -> str:
        """Runs steps whose times count from `start`; the beginning of their ids. Raises OrderError."""
        check(steps)
        name = f"s{self._loaded}"
        self._scripts.append(Script(name, steps, start, self._world.exchange.seed))
        self._loaded += 1
        return name

    async def settle(self) -> None:
        """Returns when the last orders are carried out: a listener is not shut or opened at once."""
        prompt, self._world.prompt = self._world.prompt, []
        await asyncio.gather(*prompt)

    def calm(self, now: int) -> None:
        """Ends all faults and forgets all that were to come."""
        self._scripts.clear()
        self._waiting.clear()
        for name in list(self._docket.cases):
            self.cancel(name, now)

    def cancel(self, name: str, now: int) -> bool:
        """Ends a fault or forgets one that waits; whether there was one."""
        case = self._docket.cases.get(name)
        if case is not None:
            self._world.now = now
            self._end(case)
            self._conduct()
        return case is not None or self._waiting.pop(name, None) is not None

    def advance(self, now: int) -> None:
        """Brings everything to `now`."""
        self._world.now = now
        for case in [each for each in self._docket.cases.values() if each.over or (each.until is not None and each.until <= now)]:
            self._end(case)
        due = [case for case in self._waiting.values() if (case.order.at or 0) <= now]
        for case in sorted(due, key=lambda each: each.order.at or 0):
            del self._waiting[case.id]
            self._begin(case)
        for script in self._scripts:
            for name, order in script.due(now):
                self.start(name, order, now)
        self._conduct()
        self._world.prompt = [each for each in self._world.prompt if not each.done()]

    def _begin(self, case: Case) -> None:
        case.began = self._world.now
        case.until = None if case.order.for_ms is None else case.began + case.order.for_ms
        if case.fault.lasts():
            self._docket.add(case)
        case.fault.begin(case, self._world)

    def _end(self, case: Case) -> None:
        self._docket.remove(case)
        for task in case.tasks:
            task.cancel()
        case.ended.set()
        case.fault.end(case, self._world)

    def _conduct(self) -> None:
        faults = self._docket.of(MarketFault)
        if faults or any(pace is not None for pace in self._world.paces.values()):
            conduct(self._world, faults)
