"""Checkpoints: everything that is needed to resume a training, in plain files. Reading them never runs code."""
