"""Judges an alert rule over the past, and reports when it would have fired, for how long, and what would make it calmer."""
