"""The conditions of alert rules: what they may say, what a text says, and whether one holds. Pure: no clock, no plugin, no file."""
