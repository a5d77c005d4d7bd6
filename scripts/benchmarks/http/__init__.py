"""What the HTTP API answers, how fast, and at what cost; beside the bare producer on the same broker."""
