"""What a plugin author codes against: base classes, hooks, and the loader that finds plugins."""
