"""Faults in a robot description: errors name the line, safe repairs are made, unlikely values give warnings."""
