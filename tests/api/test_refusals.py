"""Refusals in the log."""

import pytest

from quantd.api.access.refusals import Refusals
from tests.clocks import HostClock


def test_one_network_fills_no_log_with_its_addresses(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(HostClock())
    for who in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "10.0.0.1", "10.0.0.2", "jwt:ops", "jwt:dev"):
        refusals.note(who, "no token", "it has sent no token for /symbols")
    told = [message.split(":  ")[0].split(" ")[1].rstrip(":") for message in caplog.messages]
    assert told == ["2001:db8::1", "2001:db8:0:1::1", "10.0.0.1", "10.0.0.2", "jwt:ops", "jwt:dev"]
