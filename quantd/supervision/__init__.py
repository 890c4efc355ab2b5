"""Keeps the daemon's tasks alive and reports present troubles."""
