"""Can we get it back? Backups of labs, restores to any kept version, and drills that prove both."""
