"""A backtest of one pair: bars and points in, trades, equity and a report out."""

from quantd.backtest.model import Backtest, Quality, Settings, Trade
from quantd.backtest.run import backtest

__all__ = ["Backtest", "Quality", "Settings", "Trade", "backtest"]
