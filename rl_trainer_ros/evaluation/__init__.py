"""Evaluation of a policy: episodes, metrics, films."""
