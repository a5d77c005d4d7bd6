"""The dashboard's picture: a run with several events, and the panels that show it."""
