"""Deploys a version of the image: a plan of steps, the record that survives a kill, and the systems it runs on."""
