"""For tests, ours and a plugin author's: made-up data and the checks that every plugin must pass."""
