"""What one worker process is made of: settings, wiring, monitoring, health and its end."""
