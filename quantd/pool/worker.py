"""The program of a worker process, which receives its work over the socket that is its standard input.

A frame is its length in eight bytes, followed by that many bytes. The first frame names a function as `module:name` and its argument. That
function returns another one, which computes an answer to each further frame. The first byte of an answer says whether it is a result or an
error.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from queue import SimpleQueue

import msgspec

ANSWER, FAILURE = b"\0", b"\1"
LENGTH = 8
_NICE = 5
Answering = Callable[[bytes], bytes]


def main() -> None:
    """Answer frames until the other end is closed or gone."""
    link = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    with suppress(OSError, AttributeError):
        os.nice(_NICE)  # the daemon has precedence
    frames: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(link, frames), name="frames", daemon=True).start()
    function, given = msgspec.msgpack.decode(frames.get(), type=tuple[str, bytes])
    module, _, name = function.partition(":")
    answering: Answering = getattr(import_module(module), name)(given)
    _send(link, ANSWER)
    while True:
        _send(link, _answer(answering, frames.get()))


def _answer(answering: Answering, frame: bytes) -> bytes:
    try:
        return ANSWER + answering(frame)
    except BaseException as error:  # includes SystemExit of a plugin: the request has failed, not this process
        return FAILURE + f"{type(error).__name__}: {error}".encode()


def _send(link: socket.socket, frame: bytes) -> None:
    link.sendall(len(frame).to_bytes(LENGTH) + frame)


def _receive(link: socket.socket, frames: SimpleQueue[bytes]) -> None:
    """Queue the frames that arrive. At the end of the stream, also if the daemon was killed, exit this process, whatever it is
    computing."""
    with suppress(OSError), link.makefile("rb") as stream:
        while len(length := stream.read(LENGTH)) == LENGTH:
            frames.put(stream.read(int.from_bytes(length)))
    os._exit(0)
