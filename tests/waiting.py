"""Waits for what must come, however slow the machine is; tells whether a process is there."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 200.0
"""How long a test waits for what must come: long, as the machine may be busy. What comes is not waited for any longer."""


async def until(true: Callable[[], object]) -> None:
    """Return once it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 -- what is waited for tells nobody
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether there is such a process, and not only what is left for its parent to bury."""
    try:
        ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return not ended or len(os.listdir(f"/proc/{pid}/task")) > 1  # other threads may go on for a moment
    except (FileNotFoundError, ProcessLookupError):
        return False
