"""Commands for users and developers, and the creation of their environment."""
