"""The noun and its life: which labs are there, what moves them on, and what of AWS belongs to each."""
