"""Recording: drives robots by a policy, and writes their episodes into a bag."""
