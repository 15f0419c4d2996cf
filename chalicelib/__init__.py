"""The control plane: what decides, records and drives; one folder per capability, roles by file name."""
