"""A genuine Prometheus and Alertmanager on this machine, and what they are configured with."""
