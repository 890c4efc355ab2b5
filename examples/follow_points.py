"""Print the points of a pair as its bars close, from some minutes ago on: each once, whatever happens to the daemon meanwhile.

python examples/follow_points.py [PAIR] [EVERY] [COUNT]
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from quantd.client import Hole, Lagged, PointRow, connect


async def main(pair: str = "BTCUSDT-ETHUSDT", every: str = "1s", count: str = "100") -> None:
    since = datetime.now(UTC) - timedelta(minutes=2)
    left = int(count)
    async with connect() as client:
        async for item in client.points(pair, every, since=since):
            match item:
                case PointRow():
                    zscore = "  -  " if item.zscore is None else f"{item.zscore:+.2f}"
                    print(f"{item.ts}  revision {item.revision}  beta {item.beta:.4f}  z {zscore}  {item.quality}")
                case Hole():
                    print(f"missing: the points after {item.after}, because {item.reason}")
                case Lagged():
                    print(f"too slow for {item.count} points, which follow")
            left -= 1
            if not left:
                return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
