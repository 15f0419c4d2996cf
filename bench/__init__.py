"""Each promise measured beside a peer, interleaved in one run, as a ratio with its spread."""
