"""Callbacks of a training: checkpoints, evaluations, progress, metrics, markers, pause and stop."""
