"""Wires the stages: what one feed brings goes through each symbol's stages, once, and from there to the pairs."""

from quantd.flow.pipeline.feed import FeedFlow
from quantd.flow.pipeline.outlets import Outlets
from quantd.flow.pipeline.pair import PairStage
from quantd.flow.pipeline.symbol import SymbolStage
from quantd.flow.pipeline.upgrade import Upgrade

__all__ = ["FeedFlow", "Outlets", "PairStage", "SymbolStage", "Upgrade"]
