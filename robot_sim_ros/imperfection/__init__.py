"""What makes a simulated robot as imperfect as a real one: drawn anew for every episode, from the episode's seed."""
