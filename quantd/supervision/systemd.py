"""Notifies systemd: ready, status, watchdog. Does nothing without systemd."""

import os
import socket


def notify(*lines: str) -> None:
    """Send lines like `READY=1` to the service manager, if there is one (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        try:
            link.connect("\0" + address[1:] if address.startswith("@") else address)
            link.send("\n".join(lines).encode())
        except OSError:
            return


def watchdog_seconds() -> float | None:
    """Return the interval (s) between watchdog signals, half of what the unit allows; None without a watchdog."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2_000_000 if allowed.isdigit() else None
