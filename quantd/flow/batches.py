"""Cuts a batch of trades where bars close."""

from collections.abc import Iterator, Mapping

from quantd.columns.ticks import TickBatch
from quantd.flow.symbol import SymbolStage
from quantd.flow.watermark import Watermark
from quantd.timeframes import DAY


def is_credible(batch: TickBatch) -> bool:
    """Return whether the time of each trade is within a day of its receipt."""
    return bool((abs(batch.column("ts") - batch.column("recv")) <= DAY).all())


def cut_at_closes(batch: TickBatch, mark: Watermark, of: Mapping[str, SymbolStage], fresh: set[SymbolStage]) -> Iterator[int]:
    """Hand out the trades to the stages of their symbols, which are added to `fresh`, and note their times. Yield the time (ms) of each
    trade that closes bars, after the trades up to it: its id shows whether these bars are complete."""
    times, at = batch.column("ts"), 0
    while at < len(batch):
        closing = times[at:] >= mark.due
        upto = at + int(closing.argmax()) if closing.any() else len(batch)
        for run in batch[at : upto + 1].runs():
            if stage := of.get(run.symbol):
                stage.arrivals.add_run(run)
                fresh.add(stage)
        if upto > at:
            mark.see(int(times[at:upto].max()))
        if upto < len(batch):
            yield int(times[upto])
        at = upto + 1
