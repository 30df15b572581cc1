"""Evaluating a policy: episodes, figures, films."""
