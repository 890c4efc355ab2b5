"""Who may do what: callers, their rights and their limits."""
