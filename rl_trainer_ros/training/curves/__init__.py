"""Learning curves: the results of a run's episodes, smoothed and plotted."""
