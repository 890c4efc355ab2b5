"""Who is answered when, and who is not."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from quantd.pool import ANYBODY, Asker, Busy, Line
from tests.waiting import until


class Works:
    """Computations that end when a test says so."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.may_end: dict[str, asyncio.Future[str]] = {}
        self._asking: set[asyncio.Task[str]] = set()

    def ask(self, name: str, peer: str = "", *, left: float = math.inf, weight: float = 0.0, **given: Any) -> "asyncio.Task[str]":
        """Ask a question that is like no other unless a `topic` is given."""
        asker = Asker(peer, asyncio.get_running_loop().time() + left, weight)
        task = asyncio.create_task(self.line.ask(lambda: self._work(name), asker, **given))
        self._asking.add(task)
        return task

    async def close(self) -> None:
        await self.line.close()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def end(self, name: str) -> None:
        self.may_end[name].set_result(name)

    async def _work(self, name: str) -> str:
        self.begun.append(name)
        self.may_end[name] = asyncio.get_running_loop().create_future()
        try:
            return await self.may_end[name]
        finally:
            self.ended.append(name)

    def _more_than(self, count: int) -> bool:
        return len(self.begun) > count

    async def in_turn(self, count: int) -> list[str]:
        """End one after the other, until so many have begun; their names in that order."""
        while len(self.begun) < count:
            self.end(self.begun[-1])
            before = len(self.begun)
            await until(partial(self._more_than, before))
        return self.begun


@pytest.fixture
async def works() -> AsyncIterator[Callable[[Line], Works]]:
    """Makes lines, and closes them at the end."""
    all_made = []

    def made(line: Line) -> Works:
        all_made.append(Works(line))
        return all_made[-1]

    yield made
    for each in all_made:
        await each.close()


@pytest.fixture
def at(works: Callable[[Line], Works]) -> Works:
    """One place, and four to wait in."""
    return works(Line("small", 1, longest=4, budget=600.0))


async def refusal(asking: Awaitable[str]) -> Busy:
    with pytest.raises(Busy) as raised:
        await asking
    return raised.value


async def test_the_cheap_go_before_the_dear(at: Works) -> None:
    at.ask("first")
    for name, cost in {"dear": 500.0, "cheap": 0.0, "fair": 50.0}.items():
        at.ask(name, cost=cost)
    await until(lambda: at.line.waiting == 3)
    assert await at.in_turn(4) == ["first", "cheap", "fair", "dear"]


async def test_what_waits_gets_older(at: Works) -> None:
    at.ask("first")
    at.ask("dear", cost=0.02)
    await until(lambda: at.line.waiting == 1)
    loop = asyncio.get_running_loop()
    since = loop.time()
    await until(lambda: loop.time() > since + 0.03)
    at.ask("cheap", cost=0.0)
    await until(lambda: at.line.waiting == 2)
    assert await at.in_turn(3) == ["first", "dear", "cheap"]


async def test_peers_take_turns(at: Works) -> None:
    for number in range(4):
        at.ask(f"many {number}", "many")
    at.ask("one", "one", cost=500.0)
    await until(lambda: at.line.waiting == 4)
    assert await at.in_turn(5) == ["many 0", "one", "many 1", "many 2", "many 3"]


async def test_the_dear_leave_one_place_to_others(works: Callable[[Line], Works]) -> None:
    at = works(Line("great", 2))
    for number in range(3):
        at.ask(f"dear {number}", cost=2.0)
    await until(lambda: at.line.waiting == 2)
    at.ask("fair", "other", cost=0.5)
    await until(lambda: "fair" in at.begun)
    assert at.begun == ["dear 0", "fair"]
    at.end("fair")
    at.end("dear 0")
    await until(lambda: len(at.begun) == 3)
    assert at.line.running == 1


async def test_equal_questions_are_computed_once(at: Works) -> None:
    asking = [at.ask(name, topic="same", state=1) for name in ("first", "second")]
    other = at.ask("later", topic="same", state=2)
    await until(lambda: at.line.waiting == 1)
    asking[0].cancel()
    at.end("first")
    assert await asking[1] == "first"
    await until(lambda: at.begun == ["first", "later"])
    at.end("later")
    assert await other == "later"
    assert at.line.count.dropped == 0


async def test_an_answer_that_fails_fails_for_all(at: Works) -> None:
    asking = [at.ask("one", topic="same"), at.ask("two", topic="same")]
    await until(lambda: at.begun)
    at.may_end["one"].set_exception(ValueError("no such bars"))
    for each in asking:
        with pytest.raises(ValueError, match="no such bars"):
            await each
    assert at.line.running == 0


async def test_what_nobody_waits_for_is_not_computed(at: Works) -> None:
    running = at.ask("running", cost=0.5)
    waiting = [at.ask(f"waiting {number}", cost=5.0) for number in range(3)]
    await until(lambda: at.line.waiting == 3)
    for each in [*waiting, running]:
        each.cancel()
    last = at.ask("last", cost=50.0)
    await until(lambda: "last" in at.begun)
    assert (at.begun, at.ended) == (["running", "last"], ["running"])
    assert at.line.count.dropped == 4
    at.end("last")
    assert await last == "last"


async def test_what_is_nearly_done_is_not_ended(at: Works) -> None:
    running = at.ask("running", cost=0.01)
    await until(lambda: at.begun)
    running.cancel()
    other = at.ask("other")
    await until(lambda: at.line.waiting == 1)
    assert at.ended == []
    at.end("running")
    await until(lambda: "other" in at.begun)
    at.end("other")
    assert await other == "other"


async def test_whose_turn_does_not_come_is_told_how_many_are_ahead(at: Works) -> None:
    at.ask("running", cost=4.0)
    at.ask("waiting", cost=2.0)
    await until(lambda: at.line.waiting == 1)
    busy = await refusal(at.ask("late", left=0.01, cost=3.0))
    assert (str(busy), busy.again) == ("busy: 2 questions ahead; ask again later", 9)
    assert (at.line.waiting, at.line.count.refused, at.line.count.dropped) == (1, 1, 0)


async def test_what_takes_too_long_is_ended_and_not_tried_again_at_once(works: Callable[[Line], Works]) -> None:
    at = works(Line("great", 1, budget=0.05))
    patient = [at.ask("dear", topic="dear", state=1), at.ask("dear", topic="dear", state=1)]
    for each in patient:
        assert str(await refusal(each)).startswith("too dear: this takes more than 0.05 s; ask for a shorter window")
    assert (at.begun, at.ended) == (["dear"], ["dear"])
    await refusal(at.ask("dear", topic="dear", state=2))
    assert at.begun == ["dear"]
    other = at.ask("other", topic="other")
    await until(lambda: "other" in at.begun)
    at.end("other")
    assert await other == "other"


async def test_whose_turn_comes_too_late_is_told_so(at: Works) -> None:
    late = at.ask("late", left=0.05)
    assert str(await refusal(late)) == "not ready in time: its turn came too late; ask again"


async def test_who_cannot_wait_longer_ends_it_only_for_himself(at: Works) -> None:
    hurried, patient = at.ask("fair", left=0.01, topic="fair"), at.ask("fair", topic="fair")
    await refusal(hurried)
    at.end("fair")
    assert await patient == "fair"


async def test_a_full_line_refuses_at_once_but_makes_room_for_another_peer(at: Works) -> None:
    crowd = [at.ask(f"crowd {number}", "crowd") for number in range(5)]
    await until(lambda: at.line.waiting == 4)
    assert str(await refusal(at.ask("one more", "crowd"))) == "busy: 4 questions ahead; ask again later"
    other = at.ask("other", "other")
    await refusal(crowd[-1])
    at.end("crowd 0")
    await until(lambda: len(at.begun) == 2)
    assert at.begun[-1] == "other"
    at.end("other")
    assert await other == "other"


async def test_a_full_line_makes_room_for_what_costs_less(at: Works) -> None:
    """Also for the same peer, whose other requests may be those of somebody else behind its address."""
    dear = [at.ask(f"dear {number}", "crowd", cost=500.0 + number) for number in range(5)]
    await until(lambda: at.line.waiting == 4)
    await refusal(at.ask("dearest", "crowd", cost=600.0))
    at.ask("cheap", "crowd")
    await refusal(dear[-1])
    at.end("dear 0")
    await until(lambda: len(at.begun) == 2)
    assert at.begun[-1] == "cheap"


async def test_what_is_read_for_a_dear_answer_waits_behind_what_is_for_a_cheap_one(at: Works) -> None:
    at.ask("first")
    at.ask("for the dear", weight=500.0)
    at.ask("for the cheap", weight=1.0)
    await until(lambda: at.line.waiting == 2)
    assert await at.in_turn(3) == ["first", "for the cheap", "for the dear"]


async def test_who_would_be_refused_is_told_so_before(at: Works) -> None:
    for number in range(5):
        at.line.demand_room(Asker("crowd"), 10.0, "new")
        at.ask(f"crowd {number}", "crowd", cost=10.0, topic=number)
        await until(partial(lambda number: at.line.waiting + at.line.running == number + 1, number))
    with pytest.raises(Busy):
        at.line.demand_room(Asker("crowd"), 10.0, "new")
    assert at.line.count.refused == 1
    at.line.demand_room(Asker("crowd"), 10.0, 4)  # one that waits already has room
    at.line.demand_room(Asker("crowd"), 1.0, "new")
    at.line.demand_room(Asker("other"), 10.0, "new")


async def test_a_closed_line_ends_everything(at: Works) -> None:
    asking = [at.ask("running"), at.ask("waiting")]
    await until(lambda: at.line.waiting == 1)
    await at.line.close()
    for each in [*asking, at.ask("late")]:
        assert str(await refusal(each)) == "quantd stops"
    assert (at.begun, at.ended) == (["running"], ["running"])


async def test_a_fetch_leaves_time_to_answer_without_it() -> None:
    async def fetched() -> str:
        return "bars"

    async def failed() -> str:
        raise TimeoutError("of its own")

    async def never() -> str:
        return await asyncio.get_running_loop().create_future()

    assert await ANYBODY.wait(fetched(), "none") == "bars"
    with pytest.raises(TimeoutError, match="of its own"):
        await ANYBODY.wait(failed(), "none")
    soon = Asker(until=asyncio.get_running_loop().time() + 0.5)
    assert await soon.wait(never(), "none") == "none"


@pytest.mark.parametrize("turns", range(8))
async def test_who_leaves_as_the_turn_comes_takes_no_place_away(works: Callable[[Line], Works], turns: int) -> None:
    at = works(Line("one", 1))
    at.ask("first", cost=1.0)
    second = at.ask("second", cost=1.0)
    await until(lambda: at.begun == ["first"] and at.line.waiting == 1)
    at.end("first")
    for _ in range(turns):
        await asyncio.sleep(0)
    second.cancel()
    third = at.ask("third", cost=1.0)
    await until(lambda: "third" in at.begun)
    at.end("third")
    assert await third == "third"
    assert at.line.running == 0
