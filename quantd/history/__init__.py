"""The one door to the past: whoever reads bars, points or trades that are over reads them here.

    History         the recorded rows and the recent ones in memory                        (history.py, recent.py, store_reader.py)
    LiveBars        bars in any timeframe: History, the open bars of the flow, and klines   (live_bars.py, older_bars.py, klines.py)
    RecordedSeries  one series of the store, an hour at a time: what `export` writes       (recorded.py)
    open_history    the History of a state directory, to read only, beside a daemon        (opened.py)

The history lies below the flow. What it needs of one comes in through the protocols of `streams.py`, which a runtime satisfies.
"""
