"""Mutated audio files, and what the decoder sandbox makes of them."""
