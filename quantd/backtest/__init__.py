"""Backtests of one pair: from bars and points to trades, equity and a report."""

from quantd.backtest.model import Backtest, DataQuality, Halves, Settings, Trade, demand_split
from quantd.backtest.run import backtest

__all__ = ["Backtest", "DataQuality", "Halves", "Settings", "Trade", "backtest", "demand_split"]
