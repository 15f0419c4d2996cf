"""Is anyone there? Activity, warning, snooze, stop, and why."""
