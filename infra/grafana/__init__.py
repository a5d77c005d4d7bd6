"""The dashboard: generated from code, read by tests and for the picture, and provisioned into Grafana."""
