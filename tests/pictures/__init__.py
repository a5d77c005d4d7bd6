"""The dashboard as a picture: a run in which something happens, and what the panels show of it."""
