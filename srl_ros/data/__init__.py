"""Datasets out of bags: read once, kept decoded beside the bag, given out as transitions."""
