"""Processes that commands start, and files that they write."""
