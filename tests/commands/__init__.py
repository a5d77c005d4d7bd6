"""Developers' commands: chaos, seeded bugs, and the dashboard."""
