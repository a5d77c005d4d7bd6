"""What TLS and an account cost a worker: the bench `transport`."""
