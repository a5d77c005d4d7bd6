"""The parts of the demo: recordings, calls made of them, a worker, and the check of the outcomes."""
