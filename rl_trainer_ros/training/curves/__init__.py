"""Learning curves: what a run's episodes came to, smoothed and drawn."""
