"""Keeps the daemon's tasks alive and tells what is wrong at present."""
