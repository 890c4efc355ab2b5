"""Reads the past: all code that needs closed bars, points or past trades reads them here.

    History         the recorded rows and the recent ones in memory                        (history.py, store_reader.py)
    RecentBars      the recent bars in memory, as columns, a ring for each series          (recent_bars.py, bar_ring.py)
    RecentPoints    the recent points, a table for each timeframe                          (recent_points.py, point_table.py)
    Whole           since when memory holds every row, so that the store need not be read  (whole.py)
    LiveBars        bars in any timeframe: History, the open bars of the flow, and klines   (live_bars.py, older_bars.py, klines.py)
    RecordedSeries  one series of the store, an hour at a time: what `export` writes       (recorded.py)
    Pages           the rows of a series by the page, also those that are not recorded yet   (pages.py)
    open_history    the History of a state directory, read-only, beside a daemon           (opened.py)

The history is a layer below the flow. It uses the flow through the protocols of `streams.py`, which a runtime satisfies.
"""
