"""The exchange as a whole: its clock and its listings."""

from dataclasses import dataclass, field

from quantd.simulator.clock import Clock
from quantd.simulator.listing import Listing
from quantd.simulator.market import Market
from quantd.simulator.paced import PacedTape
from quantd.simulator.scenario import Scenario


@dataclass
class Exchange:
    """The state that WebSocket, REST and control share."""

    scenario: Scenario
    seed: int
    clock: Clock
    listings: dict[str, Listing] = field(init=False)

    def __post_init__(self) -> None:
        market = Market(self.scenario, self.seed)
        tapes = [PacedTape(symbol, self.scenario, self.seed, market) for symbol in self.scenario.symbols]
        self.listings = {tape.symbol: Listing(tape, self.scenario, self.clock) for tape in tapes}
