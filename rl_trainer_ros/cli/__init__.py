"""The command line `rl_trainer`: a file for each command."""
