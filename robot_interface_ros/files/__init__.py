"""Reading files that a person or a stranger made: robots, URDF, xacro, packages."""
