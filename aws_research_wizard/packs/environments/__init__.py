"""How does the environment that somebody works in today become a pack? Lists in; a pack, and what stayed behind, out."""
