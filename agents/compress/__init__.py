"""The compress agent: raw call audio in, compressed results and dead letters out."""
