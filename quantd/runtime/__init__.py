"""The running parts of a daemon: built from a config, checked and scheduled."""
