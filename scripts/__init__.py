"""Commands, and how their environment is made."""
