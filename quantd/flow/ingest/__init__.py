"""Stage 1: the events of a feed become ticks. Each trade passes once, and missing trades are named."""
