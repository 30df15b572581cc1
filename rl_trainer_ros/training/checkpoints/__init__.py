"""Checkpoints: what a training needs to go on after anything, in plain files that run no code when they are read."""
