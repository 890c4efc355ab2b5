"""Statistics of many pairs at once: one array per number, one column per pair, with the same bits as each pair alone."""
