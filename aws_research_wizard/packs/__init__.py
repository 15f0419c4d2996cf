"""Is this a pack that works, what is it made of, and how do older ones become packs? Nothing here asks a control plane."""
