"""Secrets in the settings of plugins."""

from pathlib import Path
from typing import Literal

from quantd.errors import QuantdError

_LONGEST = 65_536

Secret = str | dict[Literal["file"], str]
"""A setting that must not be shown: the text itself, which a config takes from the environment with `${NAME}`, or `{file: path}`, such as
a credential of systemd."""


def secret_text(secret: Secret) -> str:
    """Return the text of a secret. A file is read at each call, so that it may be renewed; the end of its last line is left out. Raises
    QuantdError.

    >>> secret_text("of the environment")
    'of the environment'
    """
    if isinstance(secret, str):
        return secret
    if "file" not in secret:
        raise QuantdError("a secret is a text or {file: path}")
    path = secret["file"]
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(_LONGEST).decode().rstrip("\r\n")
    except (OSError, RuntimeError) as error:
        raise QuantdError(f"the secret in {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError:
        raise QuantdError(f"the secret in {path} is no text in UTF-8") from None
    if not text:
        raise QuantdError(f"the secret in {path} is empty")
    return text
