"""Stage 1: what a feed yields becomes ticks, each trade once, with the missing ones named."""
