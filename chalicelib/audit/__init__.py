"""Who did what, from where, for whom, and what stood before and after? A log that cannot be bent unseen."""
