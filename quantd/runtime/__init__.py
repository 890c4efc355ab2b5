"""What runs: built of a config, watched over and scheduled."""
