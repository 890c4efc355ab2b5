"""Read the recorded points of a pair into a data frame, and look at it.

python examples/to_frame.py [PAIR] [EVERY] [MINUTES]
"""

import sys
from datetime import UTC, datetime, timedelta

from quantd.client import PointRow, sync, to_df


def main(pair: str = "BTCUSDT-ETHUSDT", every: str = "1s", minutes: str = "10") -> None:
    since = datetime.now(UTC) - timedelta(minutes=float(minutes))
    with sync.connect() as client:
        frame = to_df(client.recorded_points(pair, every, since=since), PointRow)
    print(frame[["beta", "spread", "zscore", "corr", "quality"]].tail())
    print(frame["zscore"].describe())
    print(frame["zscore"].resample("1min").last())


if __name__ == "__main__":
    main(*sys.argv[1:])
