"""What is wrong at present, and tasks that do not die unseen."""

import asyncio
import logging

import pytest

from quantd.clock import EventClock
from quantd.errors import QuantdError
from quantd.model import Loss
from quantd.supervision.losses import Losses
from quantd.supervision.supervisor import Supervisor
from quantd.supervision.troubles import Trouble, Troubles


def test_a_trouble_keeps_its_beginning_until_it_ends() -> None:
    clock = EventClock(1_000)
    troubles = Troubles(clock)
    troubles.begin("feed", "binance", "down")
    clock.advance_to(2_000)
    troubles.begin("disk", "/var", "1 % is free")
    troubles.begin("feed", "binance", "still down")
    assert troubles.present() == [Trouble("feed", "binance", "still down", 1_000), Trouble("disk", "/var", "1 % is free", 2_000)]
    troubles.end("feed", "binance")
    troubles.end("jobs", "never begun")
    assert [trouble.what for trouble in troubles.present()] == ["disk"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("odd"), "work failed and is started again: odd"),
        (QuantdError("mend it"), "work failed and is started again: mend it"),
        (ExceptionGroup("of tasks", [ExceptionGroup("of tasks", [ValueError("odd")])]), "work failed and is started again: odd"),
    ],
)
async def test_a_task_that_fails_is_told_of_and_started_again(error: BaseException, told: str, caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles(EventClock(5))
    supervisor = Supervisor(troubles)
    errors = [error]
    seen = []

    async def work() -> None:
        seen.append(troubles.present())
        if errors:
            raise errors.pop()

    with caplog.at_level(logging.ERROR):
        await supervisor.start("work", work)
    assert seen == [[], [Trouble("tasks", "work", told.removeprefix("work "), 5)]]
    assert caplog.messages == [told]
    assert (troubles.present(), supervisor.restarts) == ([], {"work": 1})


async def test_a_task_that_is_cancelled_ends() -> None:
    supervisor = Supervisor(Troubles(EventClock()))
    task = supervisor.start("work", asyncio.Event().wait)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not supervisor.restarts


def test_what_is_lost_is_a_trouble_as_it_was_told_last() -> None:
    troubles = Troubles(EventClock(5))
    losses = Losses(troubles, EventClock(5))
    losses.found("hot.db", "broken")
    losses.add([Loss("hot.db", "broken; all is taken over", 5)])
    assert troubles.present() == [Trouble("store", "hot.db", "broken; all is taken over", 5)]
