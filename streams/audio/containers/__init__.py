"""Readers of audio files: RIFF, FLAC, OGG, MPEG, and raw PCM."""
