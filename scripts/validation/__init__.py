"""Checks of a running system after a deployment: one module for each kind of check, and results as data."""
