"""Policy distillation: one student learns to act as several teachers do, and continual learning with it."""
