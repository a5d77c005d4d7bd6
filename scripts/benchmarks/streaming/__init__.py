"""The whole way of a record, from one topic to the other, beside other programs that go the same way."""
