"""Cache policies, replayed on traces against Belady's optimum and other caches."""
