"""The archive: results that are kept in the object stores beyond the retention of their topic."""
