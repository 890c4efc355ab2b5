"""Collect the trades of a symbol into a file: each run goes on where the last one ended, and fetches what was traded meanwhile.

python examples/resume.py [SYMBOL] [COUNT] [FILE]
"""

import sys
from pathlib import Path

from quantd.client import TradeRow, sync


def main(symbol: str = "BTCUSDT", count: str = "100", name: str = "trades.csv") -> None:
    file, place = Path(name), Path(name + ".place")
    since = place.read_text() if place.exists() else None
    written = 0
    with sync.connect() as client, file.open("a") as out, client.trades(symbol, since=since) as trades:
        for item in trades:
            if isinstance(item, TradeRow):
                out.write(f"{item.id},{item.ts},{item.price},{item.qty},{item.buyer_maker}\n")
                written += 1
            else:
                print(item, file=sys.stderr)  # a hole, or a notice that this program is slow
            if written == int(count):
                break
        out.flush()
        place.write_text(trades.bookmark)
    print(f"{written} trades of {symbol} written to {file}, {'from where the last run ended' if since else 'from now on'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
