"""Decoders of audio files: WAV (RIFF), FLAC, OGG and MP3; conversion of PCM samples."""
