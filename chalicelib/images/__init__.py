"""Is it already baked? Images with a pack's kernels in them: made, tried, shared, retired."""
