"""A genuine S3 server on this machine, S3Proxy, with as many instances as wanted over the same objects."""
