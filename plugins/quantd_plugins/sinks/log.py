"""Writes alerts to the log."""

import logging

import quantd
from quantd_plugins.sinks.parts.message import text_of

_log = logging.getLogger("quantd.alerts")


class LogSink(quantd.AlertSink):
    """Writes each alert to the daemon's log as a warning: its state, and its severity if that is another; its text, its value, its time,
    and the time of its bar, if it has one."""

    async def send(self, alert: quantd.Alert) -> None:
        value = alert.value if isinstance(alert.value, str) else f"{alert.value:.6g}"
        bar = "" if alert.bar is None else f", bar {quantd.iso(alert.bar)}"
        marks = [alert.severity] * (alert.severity != "warning") + ["late"] * alert.late
        state = f"{alert.state} [{', '.join(marks)}]" if marks else alert.state
        _log.warning("%s: %s (%s) at %s%s", state, text_of(alert), value, quantd.iso(alert.ts), bar)


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("log", LogSink)
