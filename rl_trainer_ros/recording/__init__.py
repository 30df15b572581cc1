"""Recording: drives robots by a policy, and writes what they do into a bag."""
