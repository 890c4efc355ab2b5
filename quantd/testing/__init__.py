"""For tests, ours and a plugin author's: made-up data and the checks that every plugin must pass."""

from quantd.plugin.loader import load as load_plugins

__all__ = ["load_plugins"]
