"""How many tickets there are."""

import pytest

from quantd.api.access.caller import Caller, scopes_of
from quantd.api.access.tickets import Tickets
from tests.clocks import HostClock


def test_many_callers_have_their_tickets_at_a_time() -> None:
    tickets = Tickets(HostClock())
    issued = [tickets.issue(Caller(f"10.0.{number // 256}.{number % 256}", scopes_of("read"))) for number in range(6_000)]
    assert all(map(tickets.redeem, issued))


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::{}"])
def test_of_one_caller_the_oldest_give_way(address: str) -> None:
    tickets = Tickets(HostClock())
    issued = [tickets.issue(Caller(address.format(number), scopes_of("read"))) for number in range(101)]
    assert [tickets.redeem(each) is not None for each in issued] == [False, *[True] * 100]
