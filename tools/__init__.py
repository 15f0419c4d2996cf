"""Commands of this repository: packaging, generated files, smoke run."""
