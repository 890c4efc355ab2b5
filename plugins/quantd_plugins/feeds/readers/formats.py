"""Detects the format of a file by its first recognized line, and reads its events."""

import logging
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import chain

import quantd
from quantd_plugins.feeds.readers.bars import BarFile
from quantd_plugins.feeds.readers.dumps import HEADER, ROW, dump_parser
from quantd_plugins.feeds.readers.frames import parse_capture
from quantd_plugins.feeds.readers.ndjson import NdjsonParser
from quantd_plugins.feeds.readers.row import Row
from quantd_plugins.feeds.readers.source import Source
from quantd_plugins.feeds.readers.survey import MOST
from quantd_plugins.feeds.readers.table import Table, refusal, table_of
from quantd_plugins.feeds.readers.trades import Form, TradeFile, by_id, by_receipt, by_time

AHEAD = 50_000
"""Number of trades that are sorted at a time."""
HEAD = 1001
"""Number of lines searched for the format: a header and 1,000 rows."""
HEAD_BYTES = 1 << 22
FORMATS = (
    "captured Binance frames (`<receive time in ns> <json>`), NDJSON (`symbol`, `ts`, `price`, `size`), "
    "data.binance.vision aggTrades or klines CSV, OHLC CSV (`ts,open,high,low,close,volume`), or a JSON array of such rows"
)
CAPTURE = Form(parse_capture, by_receipt, "sort -n")

log = logging.getLogger(__name__)
_capture = re.compile(rb"\d+ \s*\{")


def read(source: Source, *, alone: bool = True, ahead: int = AHEAD, most: int = MOST) -> Iterator[Row]:
    """Yield the rows of a file in order: trades are sorted `ahead` at a time, and bars up to `most`. Raises QuantdError for a file of
    an unknown format, without any row or too far out of order; a file of a capture in many files (not `alone`) may have no row.
    """
    form = _form(source, alone=alone)
    file = BarFile(source, form, most) if isinstance(form, Table) else TradeFile(source, form, ahead)
    rows = file.rows()
    first = next(rows, None)
    if first:
        yield from chain((first,), rows)
    elif form is CAPTURE and not alone:
        log.warning("%s holds no trade", source.path)
    else:
        why = f" ({file.tally.text})" if file.tally.text else ""
        raise quantd.QuantdError(f"replay: {source.path} holds no trade and no bar{why}: give {FORMATS}")


def _form(source: Source, *, alone: bool) -> Form | Table:
    """Return the format of the first recognized line. A file without any line, as a killed recorder may leave among others, is a
    capture.
    """
    head = _head(source)
    if not head and not alone:
        return CAPTURE
    for index, line in enumerate(head):
        if form := _form_of(source.path, line, index, head[index + 1 :]):
            return form
    why = refusal(head)
    raise quantd.QuantdError(f"replay: {source.path} is of no known format: {f'{why}; else ' if why else ''}give {FORMATS}")


def _head(source: Source) -> list[bytes]:
    lines: list[bytes] = []
    size = 0
    with closing(source.again()) as first:
        for line in first.lines():
            lines.append(line)
            size += len(line)
            if len(lines) == HEAD or size > HEAD_BYTES:
                break
    return lines


def _form_of(path: str, line: bytes, at: int, rest: list[bytes]) -> Form | Table | None:
    if _capture.match(line):
        return CAPTURE
    if line.lstrip().startswith(b"{"):
        return Form(NdjsonParser(), by_time, "jq -cs 'sort_by(.ts)[]'")
    if line.startswith(HEADER) or ROW.match(line):
        return Form(dump_parser(path), by_id, "sort -t, -k1,1n -u")
    return table_of(path, line, at, rest)
