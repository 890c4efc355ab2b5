"""The log as a topic: bounded, from any thread, and without an echo of itself."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from threading import Thread

import pytest

from quantd.api.schema.rows import LogRow
from quantd.api.ws.v1.log_lines import row_of, tap
from tests.waiting import until

LOG = logging.getLogger("quantd.test.lines")


@pytest.fixture
def level() -> Iterator[None]:
    before, LOG.level = LOG.level, logging.INFO
    yield
    LOG.setLevel(before)


def _log_three() -> None:
    for number in range(3):
        LOG.info("line %d", number)


@pytest.mark.usefixtures("level")
async def test_lines_of_any_thread_come_in_order_until_it_ends() -> None:
    lines: list[LogRow] = []
    stop = tap(lines.extend)
    thread = Thread(target=_log_three)
    thread.start()
    thread.join()
    await until(lambda: len(lines) == 3)
    stop()
    LOG.info("another")
    await asyncio.sleep(0)
    assert [(line.level, line.logger, line.text) for line in lines] == [("info", LOG.name, f"line {number}") for number in range(3)]


@pytest.mark.usefixtures("level")
async def test_a_flood_is_cut_and_counted() -> None:
    lines: list[LogRow] = []
    stop = tap(lines.extend)
    for at in (5, 6):
        for number in range(300):
            record = LOG.makeRecord(LOG.name, logging.INFO, __file__, 1, "line %d", (number,), None)
            record.created = at
            LOG.handle(record)
    await until(lambda: len(lines) == 401)
    stop()
    assert lines[200].text == "100 lines of this second were left out"


@pytest.mark.usefixtures("level")
async def test_an_error_is_named_in_one_line() -> None:
    lines: list[LogRow] = []
    stop = tap(lines.extend)
    try:
        raise ValueError("no number")
    except ValueError:
        LOG.exception("cannot read it")
    await until(lambda: lines)
    stop()
    assert [(line.level, line.text) for line in lines] == [("error", "cannot read it (ValueError('no number'))")]


@pytest.mark.usefixtures("level")
async def test_who_takes_the_lines_may_log_without_an_endless_echo() -> None:
    taken: list[Sequence[LogRow]] = []

    def take(lines: Sequence[LogRow]) -> None:
        taken.append(lines)
        if len(taken) < 3:
            LOG.info("taken %d", len(taken))

    stop = tap(take)
    LOG.info("first")
    await until(lambda: len(taken) == 3)
    stop()
    assert [line.text for lines in taken for line in lines] == ["first", "taken 1", "taken 2"]


async def test_a_line_that_cannot_be_formatted_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[LogRow] = []
    stop = tap(lines.extend)
    handler = logging.getLogger().handlers[-1]
    handler.handle(LOG.makeRecord(LOG.name, logging.INFO, __file__, 1, "line %d", ("x",), None))
    handler.handle(LOG.makeRecord(LOG.name, logging.INFO, __file__, 1, "good", (), None))
    await until(lambda: lines)
    stop()
    assert [line.text for line in lines] == ["good"]
    assert not capsys.readouterr().err


def test_what_is_no_text_is_escaped() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    row = row_of(LOG.makeRecord(LOG.name, logging.INFO, __file__, 1, "cannot read %s", (name,), None))
    assert row.text == "cannot read caf\\udce9"
