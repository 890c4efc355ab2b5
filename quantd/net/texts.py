"""Texts that arrived together in whole WebSocket frames, found and kept without an object for each."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

TEXT = 0x81
"""First byte of a text frame that is a whole message without an extension (RFC 6455, 5.2)."""
SHORT = 126
"""Second byte of a frame whose length is in the next two bytes."""
HEAD = 4
"""Bytes before the payload of such a frame."""
MUCH = 1 << 13
"""Number of bytes from which on it is quicker to look for all frames at once."""
_NEWLINE, _BLANK = b"\n "


class Texts(Sequence[bytes]):
    """Successive texts. `lines` are all of them, separated by line ends and blanks; a text is cut out when it is read."""

    __slots__ = ("_ends", "_starts", "lines")

    def __init__(self, lines: bytes, starts: Sequence[int], ends: Sequence[int]) -> None:
        self.lines = lines
        self._starts = starts
        self._ends = ends

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "Texts":
        """Join texts."""
        ends, at = [], -1
        for text in texts:
            at += 1 + len(text)
            ends.append(at)
        return cls(b"\n".join(texts), [end - len(text) for end, text in zip(ends, texts, strict=True)], ends)

    def isascii(self) -> bool:
        """Return whether all characters are ASCII."""
        return self.lines.isascii()

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, at: int) -> bytes: ...

    @overload
    def __getitem__(self, at: slice) -> "Texts": ...

    def __getitem__(self, at: int | slice) -> "bytes | Texts":
        if isinstance(at, slice):
            return Texts.of([self.lines[start:end] for start, end in zip(self._starts[at], self._ends[at], strict=True)])
        return self.lines[self._starts[at] : self._ends[at]]

    def __iter__(self) -> Iterator[bytes]:
        lines = self.lines
        return (lines[start:end] for start, end in zip(self._starts, self._ends, strict=True))


def find_texts(data: bytearray) -> Texts | None:
    """Return the whole texts that `data` begins with, if it holds much and its frames have HEAD bytes before the payload. There may be more
    texts after these. None if the frames must be read one by one. The heads of the frames found are overwritten."""
    if len(data) < MUCH:
        return None
    given = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(given[: -HEAD + 1] == TEXT)
    places = places[np.diff(places, prepend=-HEAD) >= HEAD]  # the length of a frame may hold the same byte
    ends = places + HEAD + given[places + 2] * np.intp(256) + given[places + 3]
    sound = (given[places + 1] == SHORT) & (ends <= len(data))
    sound[1:] &= places[1:] == ends[:-1]  # each frame begins where the one before ends
    count = _leading(sound) if len(places) and not places[0] else 0
    if not count:
        return None
    places, ends = places[:count], ends[:count]
    given[places] = _NEWLINE
    for offset in range(1, HEAD):
        given[places + offset] = _BLANK
    return Texts(given[: ends[-1]].tobytes(), (places + HEAD).tolist(), ends.tolist())


def _leading(truths: NDArray[np.bool_]) -> int:
    """Return how many truths there are before the first falsehood."""
    return len(truths) if truths.all() else int(truths.argmin())
