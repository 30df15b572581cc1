"""Commands that teach students: `distil` and `continual`."""
