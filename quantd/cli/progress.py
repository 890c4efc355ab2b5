"""Shows on stderr the progress of long work: a bar on a terminal, elsewhere a line after some time."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from quantd.runtime.runtime import Runtime

REFRESH_S = 0.1
PATIENT_S = 5.0
"""Seconds of work before a line is printed if stderr is no terminal."""
COMPILING = "compiling kernels beside the work, once: it takes some ten seconds, and later runs are spared it"


def compile_kernels() -> None:
    """Have numerics compiled once that pays off. A line says so if it takes seconds."""
    from quantd.stats.kernels import compiler

    compiler.allow(announcement=COMPILING)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show that work of unknown length is under way."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(what):
            yield
        return
    telling = threading.Timer(PATIENT_S, typer.echo, [f"at work: {what}"], {"err": True})
    telling.daemon = True
    telling.start()
    try:
        yield
    finally:
        telling.cancel()


async def watch(runtime: "Runtime") -> None:
    """Show the progress of a runtime's feeds until cancelled."""
    if not sys.stderr.isatty():
        await asyncio.sleep(PATIENT_S)
        typer.echo(line(runtime), err=True)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks = {flow.name: bar.add_task(flow.name, total=None) for flow in runtime.flows}
        while True:
            _move(runtime, bar, tasks)
            await asyncio.sleep(REFRESH_S)


def _move(runtime: "Runtime", bar: "Progress", tasks: dict[str, "TaskID"]) -> None:
    for flow in runtime.flows:
        if progress := flow.feed.progress():
            bar.update(tasks[flow.name], completed=progress.done, total=progress.total)


def line(runtime: "Runtime") -> str:
    """Return a line that says how far each feed has come."""
    shares = []
    for flow in runtime.flows:
        progress = flow.feed.progress()
        shares.append(f"{flow.name} {progress.done / progress.total:.0%}" if progress and progress.total else flow.name)
    return f"at work: {', '.join(shares)}"
