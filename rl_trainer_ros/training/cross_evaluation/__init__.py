"""Cross-evaluation: models of several runs, each on the tasks of all."""
