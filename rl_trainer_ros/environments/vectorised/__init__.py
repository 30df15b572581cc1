"""Several robots as one stable-baselines3 VecEnv."""
