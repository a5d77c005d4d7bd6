"""The disposable index of recordings: what the topics' headers say, in SQLite. The topics remain the only truth."""
