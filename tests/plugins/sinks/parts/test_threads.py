"""Calls of a sink run in threads of its own."""

import asyncio
import socket
from contextlib import closing
from pathlib import Path
from threading import Event, current_thread

import pytest

from quantd.testing import fakes
from quantd_plugins.sinks.email import EmailSink
from quantd_plugins.sinks.file import FileSink
from quantd_plugins.sinks.parts.threads import Threads
from tests.waiting import until


async def test_a_call_returns_or_raises() -> None:
    threads = Threads()
    assert await threads.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)
    assert await threads.run(lambda: current_thread().daemon)


async def test_calls_that_do_not_come_back_are_bounded() -> None:
    threads, goes_on, begun = Threads(2), Event(), list[int]()

    def hang(number: int) -> int:
        begun.append(number)
        goes_on.wait()
        return number

    calls = [asyncio.create_task(threads.run(hang, number)) for number in range(3)]
    await until(lambda: sorted(begun) == [0, 1])
    calls[0].cancel()  # its thread goes on, and still counts
    await asyncio.wait([calls[0]])
    assert sorted(begun) == [0, 1]
    goes_on.set()
    assert await calls[1] == 1
    assert await calls[2] == 2


async def test_a_server_that_hangs_takes_no_thread_from_another_sink(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        mail = EmailSink(host="127.0.0.1", port=port, sender="a@b.c", to=("a@b.c",), security="none", timeout="1m")
        sending = [asyncio.create_task(mail.send(fakes.alert(number))) for number in range(12)]
        await asyncio.sleep(0)
        await asyncio.wait_for(FileSink(path=str(tmp_path / "alerts")).send(fakes.alert()), 10)
        assert not any(task.done() for task in sending)
        for task in sending:
            task.cancel()
