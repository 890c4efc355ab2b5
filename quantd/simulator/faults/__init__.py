"""Faults on demand: the kinds of failure, their targets and their times."""
