"""A backtest of one pair: bars and points in, trades, equity and a report out."""

from quantd.backtest.model import Backtest, DataQuality, Settings, Trade
from quantd.backtest.run import backtest

__all__ = ["Backtest", "DataQuality", "Settings", "Trade", "backtest"]
