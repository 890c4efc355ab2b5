"""What a process of a test does."""

import os
import signal
import sys
from collections.abc import Callable


def prepare(given: bytes) -> Callable[[bytes], bytes]:
    def answer(frame: bytes) -> bytes:
        match frame:
            case b"pid":
                return str(os.getpid()).encode()
            case b"raise":
                raise ValueError("no such bars")
            case b"exit":
                sys.exit("of a plugin")
            case b"die":
                os.kill(os.getpid(), signal.SIGKILL)
            case b"hang":
                while True:
                    signal.pause()
        print("something that a plugin tells")
        return given + frame

    return answer
