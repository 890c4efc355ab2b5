"""The encoded messages of one symbol: JSON templates, filled with integers of ticks and steps."""

from decimal import Decimal

from quantd.simulator.contract import contract_of
from quantd.simulator.klines import Bar
from quantd.simulator.raw import Raw
from quantd.simulator.scenario import Symbol
from quantd.simulator.trades import Trade

UM = 1  # the value of `st` for USDⓈ-M
EXTRA_FIELDS = 3


class Scale:
    """Formats integer multiples of a unit, such as a tick size, as decimal strings.

    >>> Scale(Decimal("0.05")).text(61), Scale(Decimal("10")).text(7), Scale(Decimal("0.1")).text(-3)
    ('3.05', '70', '-0.3')
    """

    def __init__(self, unit: Decimal) -> None:
        self.decimals = max(0, -int(unit.normalize().as_tuple().exponent))
        self._one = 10**self.decimals
        self._units = int(unit * self._one)
        self._template = f"%s%d.%0{self.decimals}d"

    def text(self, n: int) -> str:
        if not self.decimals:
            return str(n * self._units)
        return self._template % ("-" if n < 0 else "", *divmod(abs(n) * self._units, self._one))


class Wire:
    """Encodes a symbol's trades and candles for both protocols."""

    def __init__(self, symbol: str, spec: Symbol, extra_field_every: int) -> None:
        self._symbol = symbol
        self._pair = contract_of(symbol).pair
        self._extra_every = extra_field_every
        self.price = Scale(spec.tick)
        self.quantity = Scale(spec.step)
        self._quote = Scale(spec.tick * spec.step)
        self._agg_trade = (
            f'{{"e":"aggTrade","E":%d,"s":"{symbol}","a":%d,"p":"%s","q":"%s","nq":"%s","f":%d,"l":%d,"T":%d,"m":%s,"st":{UM}%s}}'
        )

    def agg_trade(self, trade: Trade, sent: int) -> bytes:
        """Return the payload of the aggTrade stream, occasionally with an undocumented field."""
        a, p, q, nq, f, l, T, m = trade  # noqa: E741, N806
        quantity = self.quantity.text
        texts = self.price.text(p), quantity(q), quantity(nq)
        extra = self._extra(a) if self._extra_every and a % self._extra_every == 0 else ""
        return (self._agg_trade % (sent, a, *texts, f, l, T, "true" if m else "false", extra)).encode()

    def agg_trade_row(self, trade: Trade) -> str:
        """Return a row of GET /fapi/v1/aggTrades."""
        price, quantity, normal = self.price.text(trade.p), self.quantity.text(trade.q), self.quantity.text(trade.nq)
        maker = "true" if trade.m else "false"
        return f'{{"a":{trade.a},"p":"{price}","q":"{quantity}","nq":"{normal}","f":{trade.f},"l":{trade.l},"T":{trade.T},"m":{maker}}}'

    def raw_trade_row(self, raw: Raw) -> str:
        """Return a row of GET /fapi/v1/trades."""
        price, quantity, quote = self.price.text(raw.price), self.quantity.text(raw.quantity), self._quote.text(raw.price * raw.quantity)
        maker, rpi = ("true" if each else "false" for each in (raw.maker, raw.rpi))
        return (
            f'{{"id":{raw.id},"price":"{price}","qty":"{quantity}","quoteQty":"{quote}","time":{raw.time},"isBuyerMaker":{maker},'
            f'"isRPITrade":{rpi}}}'
        )

    def kline_row(self, bar: Bar, interval_ms: int) -> str:
        """Return a row of GET /fapi/v1/klines."""
        c, price, quantity, quote = bar.candle, self.price.text, self.quantity.text, self._quote.text
        return (
            f'[{bar.opened},"{price(c.open)}","{price(c.high)}","{price(c.low)}","{price(c.close)}","{quantity(c.volume)}",'
            f'{bar.opened + interval_ms - 1},"{quote(c.quote)}",{c.raw_trades},"{quantity(c.buy_volume)}","{quote(c.buy_quote)}","0"]'
        )

    def kline(self, bar: Bar, interval: str, interval_ms: int, now: int, *, closed: bool) -> bytes:
        """Return the payload of the kline streams."""
        candle = self._kline(bar, interval, interval_ms, f'"s":"{self._symbol}",', closed)
        return f'{{"e":"kline","E":{now},"s":"{self._symbol}","k":{candle}}}'.encode()

    def continuous_kline(self, bar: Bar, interval: str, interval_ms: int, now: int, *, closed: bool) -> bytes:
        """Return the payload of the continuousKline streams. The only contract of a pair is the perpetual one."""
        candle = self._kline(bar, interval, interval_ms, "", closed)
        return f'{{"e":"continuous_kline","E":{now},"ps":"{self._symbol}","ct":"PERPETUAL","k":{candle}}}'.encode()

    def mini_ticker(self, day: Bar, now: int) -> bytes:
        """Return the payload of the miniTicker stream."""
        c, price = day.candle, self.price.text
        return (
            f'{{"e":"24hrMiniTicker","E":{now},"s":"{self._symbol}","c":"{price(c.close)}","o":"{price(c.open)}","h":"{price(c.high)}",'
            f'"l":"{price(c.low)}","v":"{self.quantity.text(c.volume)}","q":"{self._quote.text(c.quote)}","ps":"{self._pair}","st":{UM}}}'
        ).encode()

    def ticker(self, day: Bar, now: int) -> bytes:
        """Return the payload of the 24 h ticker stream."""
        c, price, quantity = day.candle, self.price.text, self.quantity.text
        return (
            f'{{"e":"24hrTicker","E":{now},"s":"{self._symbol}","p":"{price(c.close - c.open)}","P":"{_percent(day)}",'
            f'"w":"{price(_average(day))}","c":"{price(c.close)}","Q":"{quantity(c.close_quantity)}","o":"{price(c.open)}",'
            f'"h":"{price(c.high)}","l":"{price(c.low)}","v":"{quantity(c.volume)}","q":"{self._quote.text(c.quote)}",'
            f'"O":{day.opened},"C":{now},"F":{c.first_raw},"L":{c.last_raw},"n":{c.raw_trades},"ps":"{self._pair}","st":{UM}}}'
        ).encode()

    def ticker_row(self, day: Bar, now: int) -> str:
        """Return the object of GET /fapi/v1/ticker/24hr."""
        c, price, quantity = day.candle, self.price.text, self.quantity.text
        return (
            f'{{"symbol":"{self._symbol}","priceChange":"{price(c.close - c.open)}","priceChangePercent":"{_percent(day)}",'
            f'"weightedAvgPrice":"{price(_average(day))}","lastPrice":"{price(c.close)}","lastQty":"{quantity(c.close_quantity)}",'
            f'"openPrice":"{price(c.open)}","highPrice":"{price(c.high)}","lowPrice":"{price(c.low)}",'
            f'"volume":"{quantity(c.volume)}","quoteVolume":"{self._quote.text(c.quote)}","openTime":{day.opened},"closeTime":{now},'
            f'"firstId":{c.first_raw},"lastId":{c.last_raw},"count":{c.raw_trades}}}'
        )

    def _kline(self, bar: Bar, interval: str, interval_ms: int, symbol: str, closed: bool) -> str:
        c, price, quantity, quote = bar.candle, self.price.text, self.quantity.text, self._quote.text
        return (
            f'{{"t":{bar.opened},"T":{bar.opened + interval_ms - 1},{symbol}"i":"{interval}","f":{c.first_raw},"L":{c.last_raw},'
            f'"o":"{price(c.open)}","c":"{price(c.close)}","h":"{price(c.high)}","l":"{price(c.low)}","v":"{quantity(c.volume)}",'
            f'"n":{c.raw_trades},"x":{"true" if closed else "false"},"q":"{quote(c.quote)}","V":"{quantity(c.buy_volume)}",'
            f'"Q":"{quote(c.buy_quote)}","B":"0"}}'
        )

    def _extra(self, trade_id: int) -> str:
        kind = trade_id // self._extra_every % EXTRA_FIELDS
        return f',"zz{kind}":' + ("null", '"new"', '{"x":[1]}')[kind]


def _percent(day: Bar) -> str:
    return f"{100 * (day.candle.close - day.candle.open) / day.candle.open:.3f}"


def _average(day: Bar) -> int:
    """Return the volume-weighted mean price in ticks, rounded down."""
    return day.candle.quote // day.candle.volume if day.candle.volume else day.candle.close
