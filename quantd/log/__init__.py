"""Sets up the log: one line per event on stderr; coloured on a terminal, with syslog priorities under systemd, or as JSON on request."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import extract_tb
from typing import Any, Literal

import structlog

from quantd.log.background import BackgroundHandler
from quantd.log.quiet import Quiet

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "journal", "json"]
_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


class _Journal(logging.Formatter):
    """Formats lines with the priority that journald reads; journald adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\n", " | ")
        return f"<{_PRIORITY.get(record.levelno, 5)}>{record.name}: {text}"


def chosen_format() -> Format:
    """Return `QUANTD_LOG_FORMAT` if it is set, else the format for the kind of stderr: the journal or a console."""
    wanted = os.environ.get("QUANTD_LOG_FORMAT")
    if wanted in ("console", "journal", "json"):
        return wanted  # type: ignore[return-value]
    return "journal" if "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty() else "console"


def setup(level: Level, *, background: bool = False) -> None:
    """Send every logger of the process to stderr, from `level` up. Call it again to change the level.

    With `background` a separate thread writes, so that nothing waits for the reader of stderr.
    """
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    handler = BackgroundHandler(sys.stderr.fileno()) if background else logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(chosen_format()))
    handler.addFilter(Quiet())
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)  # its warning quotes the subprotocols of a client: one may be a token
    logging.captureWarnings(True)
    threading.excepthook = _of_thread


def _of_thread(told: threading.ExceptHookArgs) -> None:
    """Log one line for an exception in a thread, started by a plugin or a library, for which Python would write a traceback to stderr."""
    name = told.thread.name if told.thread else "?"
    place = f" ({found[-1].filename}:{found[-1].lineno})" if (found := extract_tb(told.exc_traceback)) else ""
    text = " ".join(str(told.exc_value).split())
    logging.getLogger("quantd.thread").error("thread %s ended with %s: %s%s", name, told.exc_type.__name__, text, place)


@contextmanager
def silenced() -> Iterator[None]:
    """Log nothing within the block, whose events are reported in another way."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


def _formatter(form: Format) -> logging.Formatter:
    if form == "journal":
        return _Journal()
    last: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    )
