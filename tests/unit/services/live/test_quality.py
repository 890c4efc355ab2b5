"""What is said of a symbol that brings nothing."""

from pathlib import Path

from quantd.testing.fakes import START
from quantd.timeframes import MINUTE
from tests.unit.runtime.test_guests import running
from tests.unit.runtime.test_listings import states, troubles


async def test_a_symbol_whose_market_is_closed_is_not_quiet(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        at.feed.shut = ("A",)
        assert states(at) == {"A": "live", "B": "live"}, "as long as it trades"
        at.clock.advance_to(START + 2 * MINUTE)
        assert states(at) == {"A": "closed", "B": "quiet"}
        assert troubles(at) == []
        at.feed.shut = ()
        assert states(at) == {"A": "quiet", "B": "quiet"}
