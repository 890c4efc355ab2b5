"""The one door to the past."""
