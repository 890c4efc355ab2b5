"""The interface for plugin authors: base classes, hooks, and the loader that finds plugins."""
