"""Imperfections of a simulated robot (domain randomisation): sampled for every episode from the episode's seed."""
