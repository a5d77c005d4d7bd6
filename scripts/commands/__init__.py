"""One module per command: arguments in, calls out, no logic."""
