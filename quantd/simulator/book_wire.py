"""The encoded quotes, book and mark price of one symbol, for both protocols."""

from decimal import Decimal

from quantd.simulator.book import Book, Sides
from quantd.simulator.contract import contract_of
from quantd.simulator.marks import INTEREST, UNITS, Mark
from quantd.simulator.quotes import Ints
from quantd.simulator.wire import UM, Scale, Wire

INTEREST_UNITS = round(INTEREST * UNITS)


class BookWire:
    """Encodes the data of `book.py` and `marks.py`. `now` is the time of sending (E), `time` the time of the data (T), both in ms."""

    def __init__(self, symbol: str, wire: Wire, book: Book) -> None:
        self._symbol = symbol
        self._contract = contract_of(symbol)
        self._book = book
        self._price = wire.price.text
        self._quantity = wire.quantity.text
        self._fine = Scale(Decimal(1).scaleb(-8)).text

    def book_ticker(self, row: list[int], time: int, now: int) -> bytes:
        """Return the payload of the bookTicker stream for one row of `Book.top`."""
        bid, bid_quantity, ask, ask_quantity = self._texts(row)
        return (
            f'{{"e":"bookTicker","u":{self._book.id_at(time)},"s":"{self._symbol}","ps":"{self._contract.pair}","b":"{bid}","B":"{bid_quantity}",'
            f'"a":"{ask}","A":"{ask_quantity}","T":{time},"E":{now},"st":{UM}}}'
        ).encode()

    def depth(self, sides: Sides, since: int, time: int, now: int) -> bytes:
        """Return the payload of the depth streams, whole or as changes. `since` is the time of the previous event."""
        before, first, last = self._book.link(since, time)
        return (
            f'{{"e":"depthUpdate","E":{now},"T":{time},"s":"{self._symbol}","ps":"{self._contract.pair}","U":{first},"u":{last},"pu":{before},'
            f'"b":{self._levels(sides.bids)},"a":{self._levels(sides.asks)},"st":{UM}}}'
        ).encode()

    def mark(self, mark: Mark, time: int) -> bytes:
        """Return the payload of the markPrice stream."""
        price, average, index, rate = map(self._fine, mark[:4])
        return (
            f'{{"e":"markPriceUpdate","E":{time},"s":"{self._symbol}","p":"{price}","ap":"{average}","P":"{index}","i":"{index}",'
            f'"r":"{self._funded(rate)}","T":{self._funding(mark)},"st":{UM}}}'
        ).encode()

    def depth_row(self, sides: Sides, time: int, now: int) -> str:
        """Return the object of GET /fapi/v1/depth."""
        bids, asks = self._levels(sides.bids), self._levels(sides.asks)
        return f'{{"lastUpdateId":{self._book.id_at(time)},"E":{now},"T":{time},"bids":{bids},"asks":{asks}}}'

    def book_ticker_row(self, row: list[int], time: int) -> str:
        """Return the object of GET /fapi/v1/ticker/bookTicker."""
        bid, bid_quantity, ask, ask_quantity = self._texts(row)
        return (
            f'{{"symbol":"{self._symbol}","bidPrice":"{bid}","bidQty":"{bid_quantity}","askPrice":"{ask}","askQty":"{ask_quantity}",'
            f'"time":{time}}}'
        )

    def mark_row(self, mark: Mark, time: int) -> str:
        """Return the object of GET /fapi/v1/premiumIndex."""
        price, _, index, rate = map(self._fine, mark[:4])
        return (
            f'{{"symbol":"{self._symbol}","markPrice":"{price}","indexPrice":"{index}","estimatedSettlePrice":"{index}",'
            f'"lastFundingRate":"{self._funded(rate)}","interestRate":"{self._funded(self._fine(INTEREST_UNITS))}",'
            f'"nextFundingTime":{self._funding(mark)},"time":{time}}}'
        )

    def funding_row(self, mark: Mark, time: int) -> str:
        """Return a row of GET /fapi/v1/fundingRate for the funding paid at `time`."""
        price, rate = self._fine(mark.mark_price), self._fine(mark.rate)
        return f'{{"symbol":"{self._symbol}","fundingTime":{time},"fundingRate":"{rate}","markPrice":"{price}","rateType":"Regular"}}'

    def _funded(self, text: str) -> str:
        return "" if self._contract.ends else text

    def _funding(self, mark: Mark) -> int:
        return 0 if self._contract.ends else mark.funding

    def _texts(self, row: list[int]) -> tuple[str, str, str, str]:
        return self._price(row[0]), self._quantity(row[1]), self._price(row[2]), self._quantity(row[3])

    def _levels(self, levels: Ints) -> str:
        price, quantity = self._price, self._quantity
        return "[" + ",".join([f'["{price(p)}","{quantity(q)}"]' for p, q in levels.tolist()]) + "]"
