"""The bench of recordings: clock and memory of long files, and the bare codec on the same cores."""
