"""The HTTP API: an index of what is in the topics, reading by position, and the routes."""
