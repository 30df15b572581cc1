"""The command line `rl_trainer`, with a file for each command."""
