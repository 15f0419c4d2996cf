"""Proof by exhaustion: what `make faults`, `make soak` and `make bugs` run.

faults.py   every single fault and every pair of them at every call of every flow, on all cores
soak.py     long random histories of the whole town, by seed
rows.py     which entries of the control plane which flow covers; one without a row fails the suite
bugs.py     planted bugs, one at a time, in a copy of the tree: each must be caught
"""
