"""Helpers for tests, of quantd and of plugins: generated data, and the checks that every plugin must pass."""

from quantd.plugin.loader import load as load_plugins

__all__ = ["load_plugins"]
