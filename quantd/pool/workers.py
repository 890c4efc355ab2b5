"""Worker processes, started on demand and ended after an idle minute.

`concurrent.futures` is not used, because no single process of its pool can be ended. A fresh interpreter runs `worker.main` with a socket
as its standard input: nothing of this process is forked, and its main module is not run again. Each process has a process group of its own,
so that Ctrl-C does not reach it and the daemon ends it.
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec

from quantd.pool.line import Busy
from quantd.pool.worker import ANSWER, LENGTH
from quantd.supervision.troubles import Troubles

_log = logging.getLogger("quantd.pool")
IDLE_S = 60.0
"""Seconds without a request after which a process ends."""
_START_S = 30.0
_PROGRAM = "from quantd.pool.worker import main; main()"
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_LARGEST = 2**20
_TROUBLE = "workers of requests"


class Failed(Exception):
    """The computation raised an exception; the text describes it."""


class _Worker:
    """One process and its socket."""

    def __init__(self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.rest: asyncio.TimerHandle | None = None
        """Timer that ends the idle process."""
        self._reader = reader
        self._writer = writer

    async def ask(self, frame: bytes) -> bytes:
        """Send a frame and return the answer. Raises Failed, and EOFError or OSError if the process is gone."""
        self._writer.write(len(frame).to_bytes(LENGTH))
        self._writer.write(frame)
        await self._writer.drain()
        return await self.hear()

    async def hear(self) -> bytes:
        """Return the next answer."""
        length = int.from_bytes(await self._reader.readexactly(LENGTH))
        answer = await self._reader.readexactly(length)
        if answer[:1] != ANSWER:
            raise Failed(answer[1:].decode())
        return answer[1:]

    def kill(self) -> None:
        """Kill the process, whatever it does."""
        self._writer.transport.abort()
        self.process.kill()


class Workers:
    """Processes that each run `prepare`, a function named as `module:name`, with `given`, and answer with the function that this
    returns."""

    def __init__(self, prepare: str, given: bytes, troubles: Troubles, *, most_idle: int = 2, idle: float = IDLE_S) -> None:
        self.lost = 0
        """Number of processes that ended by themselves."""
        self._first = msgspec.msgpack.encode((prepare, given))
        self._troubles = troubles
        self._most_idle = most_idle
        self._idle_s = idle
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._unwanted: list[asyncio.Task[_Worker]] = []
        """Processes that are starting though nobody waits for them any more."""
        self._hands = ThreadPoolExecutor(1, "workers")
        """Thread that starts and reaps processes, which may take milliseconds."""
        self._closed = False

    @property
    def processes(self) -> list[int]:
        """Return the process ids."""
        return [worker.process.pid for worker in self._all]

    async def run(self, frame: bytes) -> bytes:
        """Return the answer to a frame. Raises Busy if the process dies or cannot be started, Failed for an exception in it. Cancelling the
        call kills the process."""
        worker = self._rested() or await self._fresh()
        try:
            answer = await worker.ask(frame)
        except (EOFError, OSError) as error:
            self._end(worker)
            raise self._log_lost("ended by itself", error) from error
        except Failed:
            self._let_rest(worker)
            raise
        except BaseException:
            self._end(worker)
            raise
        self._troubles.end("tasks", _TROUBLE)
        self._let_rest(worker)
        return answer

    def close(self) -> None:
        """End all processes."""
        self._closed = True
        for worker in list(self._all):
            self._end(worker)
        self._hands.shutdown(wait=False)

    def _rested(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.rest:
                worker.rest.cancel()
            if worker.process.poll() is None:
                return worker
            self._end(worker)
        return None

    async def _fresh(self) -> _Worker:
        """Return a new process. If the caller is cancelled before the process has started, the next caller gets it; if there is none, it
        stays idle."""
        beginning = self._unwanted.pop() if self._unwanted else asyncio.create_task(self._start(), name="process that answers")
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            self._unwanted.append(beginning)
            beginning.add_done_callback(self._begun_in_vain)
            raise

    def _begun_in_vain(self, beginning: asyncio.Task[_Worker]) -> None:
        if beginning in self._unwanted:
            self._unwanted.remove(beginning)
            if not beginning.cancelled() and not beginning.exception():
                self._let_rest(beginning.result())

    async def _start(self) -> _Worker:
        try:
            process, link = await asyncio.get_running_loop().run_in_executor(self._hands, _spawn)
        except OSError as error:  # no memory, no file descriptors, or the interpreter is gone
            raise self._log_lost("cannot begin", error) from error
        worker = _Worker(process, *await asyncio.open_unix_connection(sock=link, limit=_LARGEST))
        self._all.add(worker)
        try:
            async with asyncio.timeout(_START_S):
                await worker.ask(self._first)
        except (EOFError, OSError) as error:  # includes TimeoutError
            self._end(worker)
            raise self._log_lost("cannot begin", error) from error
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _let_rest(self, worker: _Worker) -> None:
        if self._closed or len(self._idle) >= self._most_idle:
            self._end(worker)
            return
        self._idle.append(worker)
        worker.rest = asyncio.get_running_loop().call_later(self._idle_s, self._end, worker)

    def _end(self, worker: _Worker) -> None:
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        worker.kill()
        if self._closed:
            worker.process.wait()
        else:
            self._hands.submit(worker.process.wait)

    def _log_lost(self, what: str, error: Exception) -> Busy:
        """Log that a process was lost."""
        self.lost += 1
        text = f"a process that computes answers {what}"
        _log.warning("%s: %r", text, error)
        self._troubles.begin("tasks", _TROUBLE, f"{text}; what it writes to the log says why")
        return Busy(f"{text}; ask again", 1)


def _spawn() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    path = os.pathsep.join(os.path.abspath(each) for each in sys.path)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=theirs.fileno(), env={**_ONE_THREAD, **os.environ, "PYTHONPATH": path}, process_group=0
        )
    ours.setblocking(False)
    return process, ours
