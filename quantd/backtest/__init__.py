"""A backtest of one pair: bars and points in, trades, equity and a report out."""

from quantd.backtest.model import Backtest, DataQuality, Halves, Settings, Trade, demand_split
from quantd.backtest.run import backtest

__all__ = ["Backtest", "DataQuality", "Halves", "Settings", "Trade", "backtest", "demand_split"]
