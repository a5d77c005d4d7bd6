"""The parts of a worker process: settings, wiring, monitoring, health, and how it ends."""
