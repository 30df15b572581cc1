"""A robot that runs at its own fixed rate."""
