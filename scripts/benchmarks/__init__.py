"""What the benches measure, and on what."""
