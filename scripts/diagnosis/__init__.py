"""What `./scripts/doctor` checks: all between the settings and a working installation, a module for each kind."""
