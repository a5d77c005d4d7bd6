"""The core: audio in, compressed audio out, exactly once."""
