"""An independent record of what was published: one CSV file per symbol, written before the frame is sent to any socket.

It holds the live trades only. The past before the start is no secret: it follows from the seed, and REST serves it.
"""

from pathlib import Path

from quantd.simulator.trades import Trade

COLUMNS = "a,p_ticks,q_steps,nq_steps,f,l,T,m,E_first_sent\n"


class Ledger:
    """Appends to `<directory>/<SYMBOL>.csv`; `m` is 0 or 1. Writes are unbuffered, so a row is in the file when `append` returns."""

    def __init__(self, directory: Path, symbols: list[str]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._files = {symbol: (directory / f"{symbol}.csv").open("ab", buffering=0) for symbol in symbols}
        for file in self._files.values():
            if file.tell() == 0:
                file.write(COLUMNS.encode())

    def append(self, symbol: str, trades: list[Trade], sent: int) -> None:
        """Append trades. `sent` is the E of the frames that follow."""
        rows = [f"{t.a},{t.p},{t.q},{t.nq},{t.f},{t.l},{t.T},{t.m:d},{sent}\n" for t in trades]
        self._files[symbol].write("".join(rows).encode())

    def close(self) -> None:
        for file in self._files.values():
            file.close()
