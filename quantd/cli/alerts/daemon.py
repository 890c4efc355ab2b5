"""A client of the running daemon, for the subcommands of `quantd alerts`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quantd.client.sync import Client


@contextmanager
def daemon(config: Path | None, url: str | None) -> "Iterator[Client]":
    """Connect to the daemon. Its refusals become errors of the command: exit code 69 if it cannot be reached, 77 if it demands another
    token."""
    from quantd.cli.daemon_status import Denied, Unreachable, find
    from quantd.client import ClientError, Forbidden, Unauthorized, sync
    from quantd.client import Unreachable as NotThere
    from quantd.errors import QuantdError

    try:
        with sync.connect(find(config, url)) as client:
            yield client
    except (Unauthorized, Forbidden) as error:
        raise Denied(str(error)) from None
    except NotThere as error:
        raise Unreachable(str(error)) from None
    except ClientError as error:
        raise QuantdError(str(error)) from None
