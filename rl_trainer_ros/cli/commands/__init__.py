"""The commands of `rl_trainer`, a file for each or for a pair that belongs together."""
