"""Plumbing without one domain word: settings, errors, entries, the store, the outbox, workflows, clock and log."""
