"""Follows a daemon for `quantd top`, and draws what it says."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.live import Live

from quantd.cli.screen import screen
from quantd.cli.top_view import View
from quantd.client import Client, ClientError, Forbidden, Hole, Lagged, Stream, Unreachable
from quantd.clock import SystemClock

Row = TypeVar("Row")
_FRAME_S = 0.25
_LOOK_S = 5.0
"""Seconds between two looks at which pairs there are."""


async def show_once(client: Client) -> None:
    """Print one frame. Raises ClientError."""
    view, now = View(client.address.url), SystemClock().monotonic()
    async with client:
        view.keep(await client.pairs(), now)
        view.health = await client.current_health()
        view.quality = {row.symbol: row for row in await client.current_quality()}
    screen().print(view.screen(None, now))


async def show_live(client: Client) -> None:
    """Draw until the user ends it. Raises ClientError if the daemon was never reached, or refuses."""
    async with client:
        await Follower(client, View(client.address.url)).run()


class Follower:
    """The tasks that keep a view up to date and draw it."""

    def __init__(self, client: Client, view: View) -> None:
        self._client = client
        self._view = view
        self._clock = SystemClock()
        self._ended = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow and draw until the user ends it. Raises ClientError."""
        view, client = self._view, self._client
        view.keep(await client.pairs(), self._clock.monotonic())
        self._follow("health", client.health(), lambda row: setattr(view, "health", row))
        self._follow("quality", client.quality(), lambda row: view.quality.update({row.symbol: row}))
        self._follow("alert", client.alerts(), view.alerts.append)
        self._follow("log", client.log(), view.lines.append)
        self._tasks["pairs"] = asyncio.create_task(self._look())
        try:
            with _until(self._ended.set):
                await self._draw()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.wait(self._tasks.values())

    def _follow(self, name: str, stream: Stream[Row], take: Callable[[Row], object]) -> None:
        self._tasks[name] = asyncio.create_task(self._followed(stream, take), name=name)

    async def _followed(self, stream: Stream[Row], take: Callable[[Row], object]) -> None:
        async for item in stream:
            if not isinstance(item, Hole | Lagged):
                take(item)

    async def _look(self) -> None:
        """Follow the pairs that there are, again and again."""
        view = self._view
        while True:
            for pair in view.pairs:
                if pair not in self._tasks or self._tasks[pair].done():
                    self._follow(pair, self._client.nowcasts(pair), lambda row: view.put(row, self._clock.monotonic()))
            await asyncio.sleep(_LOOK_S)
            try:
                view.keep(await self._client.pairs(), self._clock.monotonic())
            except Unreachable:
                continue

    async def _draw(self) -> None:
        """Draw a frame a few times a second, in one piece on the terminal's other screen, so that nothing flickers."""
        console = screen()
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not self._ended.is_set():
                self._check()
                self._view.connected = self._client.is_connected
                live.update(self._view.screen(console.height, self._clock.monotonic()), refresh=True)
                try:
                    await asyncio.wait_for(self._ended.wait(), _FRAME_S)
                except TimeoutError:
                    continue

    def _check(self) -> None:
        """Raise the error of a task that has failed. A token may lack the right to the log, and a pair may have been dropped."""
        for name, task in self._tasks.items():
            error = task.exception() if task.done() and not task.cancelled() else None
            if error and not (name == "log" and isinstance(error, Forbidden)) and (name not in self._view.pairs or not _is_gone(error)):
                raise error


def _is_gone(error: BaseException) -> bool:
    return isinstance(error, ClientError) and not isinstance(error, Unreachable | Forbidden)


@contextmanager
def _until(end: Callable[[], object]) -> Iterator[None]:
    """Call `end` on q, Ctrl-C or SIGTERM, during the block."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    settings = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    loop.add_reader(sys.stdin, lambda: end() if "q" in sys.stdin.read(1).lower() else None)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)
