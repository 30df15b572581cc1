"""The report on a folder of runs: one HTML page and its tables."""
