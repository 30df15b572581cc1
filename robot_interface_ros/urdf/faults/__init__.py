"""Faults in the file of a robot: located by line, repaired where the repair is safe, else reported as warnings."""
