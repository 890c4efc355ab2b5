"""Faults on demand: what goes wrong, where, when and for how long."""
