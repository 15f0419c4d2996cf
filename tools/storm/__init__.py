"""What do labs go through when parts of their cloud are killed? Runs that strike a real local cloud and count what is left."""
