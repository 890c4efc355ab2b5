"""Stage 2: trades become bars."""
