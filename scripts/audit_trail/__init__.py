"""What the command ``audit`` does."""
