"""Writes alerts to the log."""

import logging

import quantd

_log = logging.getLogger("quantd.alerts")


class LogSink(quantd.AlertSink):
    """Writes each alert to the daemon's log as a warning: its time, and the time of its bar, if it has one."""

    async def send(self, alert: quantd.Alert) -> None:
        value = alert.value if isinstance(alert.value, str) else f"{alert.value:.6g}"
        bar = "" if alert.bar is None else f", bar {quantd.iso(alert.bar)}"
        _log.warning("%s: %s (%s) at %s%s", alert.state, alert.text, value, quantd.iso(alert.ts), bar)


@quantd.hookimpl
def register_sinks(register: quantd.Register[quantd.AlertSink]) -> None:
    register("log", LogSink)
