"""A training run: settings, learning, callbacks, checkpoints, curves."""
