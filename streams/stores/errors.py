"""Errors of object stores."""


class StoreUnavailableError(Exception):
    """A store did not do what was asked, after failover and retries, within the operation's deadline.

    The fault is the store's, or its configuration's, never that of an input: try again later. The message says in one
    line which store and why, without names of accounts and without secrets.
    """
