"""The pieces of the demo: recordings, calls made of them, a worker of its own, and a judge of what came out."""
