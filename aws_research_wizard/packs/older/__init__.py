"""Packs in formats that people bring from elsewhere: read, judged, and turned into ours with word of everything left behind."""
