"""Commands for developers that run the test bench: chaos, seeded bugs, and the dashboard's picture."""
