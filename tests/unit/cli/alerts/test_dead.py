"""Messages that were not delivered, on the command line."""

from quantd.state import Delivery, Message
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.times import iso
from tests.unit.cli.conftest import Run

DEAD = Delivery(3, Message("3/firing", "hook", "lane", (fakes.alert(3),)), START, "dead", 4, START + 1_000, "404 Not\x1b Found")


def test_dead_messages_are_listed_and_sent_again(quantd: Run, url: str, services: FakeServices) -> None:
    assert quantd("alerts", "dead", "--url", url).stdout == "no message is dead\n"
    services.deliveries.known.append(DEAD)
    line = f"3/firing  hook  {iso(START)}  404 Not Found  {fakes.alert(3).text}\n"
    assert quantd("alerts", "dead", "--sink", "hook", "--url", url).stdout == line
    assert quantd("alerts", "dead", "--sink", "mail", "--url", url).stdout == "no message is dead\n"
    assert quantd("alerts", "resend", "3/firing", "--url", url).stdout == "1 message is delivered again\n"
    assert quantd("alerts", "resend", "--all", "--url", url).stdout == "1 message is delivered again\n"
    unknown = quantd("alerts", "resend", "3/fireing", "3/firing", "--url", url)
    assert (unknown.returncode, "no dead message for each of these keys" in unknown.stderr) == (2, True)
    assert services.deliveries.resent[:2] == ["3/firing", "3/firing"]


def test_what_is_sent_again_is_named(quantd: Run, url: str) -> None:
    for arguments in ((), ("3/firing", "--all")):
        refused = quantd("alerts", "resend", *arguments, "--url", url)
        assert (refused.returncode, "or --all" in refused.stderr) == (2, True)
