"""The agents: thin, one file each, wired by the worker."""
