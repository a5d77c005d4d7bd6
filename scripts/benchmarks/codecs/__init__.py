"""Size, quality and speed of every level and codec."""
