"""Object stores: where audio lies that is too large for a record."""
