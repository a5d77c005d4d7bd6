"""What the decoder sandbox costs a call."""
