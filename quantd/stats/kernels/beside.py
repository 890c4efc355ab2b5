"""The program of a process that compiles the kernels into their cache, beside a process that goes on with the interpreted ones.

Its arguments are the cache directory, or nothing; what to print on stderr if the cache does not hold the kernels; and their modules.
"""

import os
import sys
import threading
from importlib import import_module
from pathlib import Path

from quantd.stats.kernels import compiler


def main() -> None:
    """Compile, and exit with 1 if that failed. End at once if the other process ends."""
    cache, announcement, *modules = sys.argv[1:]
    threading.Thread(target=_end_with_input, daemon=True).start()
    for module in modules:
        import_module(module)
    compiler.allow(Path(cache) if cache else None)
    if announcement:
        compiler.tell = lambda: print(announcement, file=sys.stderr, flush=True)
    compiler.compile()
    sys.exit(compiler.failure is not None)


def _end_with_input() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
