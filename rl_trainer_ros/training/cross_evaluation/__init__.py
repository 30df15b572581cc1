"""Cross-evaluation: every model of several runs on every task of these runs."""
