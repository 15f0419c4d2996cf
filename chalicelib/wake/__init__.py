"""A lab's lasting address: a page that shows how it is, starts it when asked to, and goes on into it."""
