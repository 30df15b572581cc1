"""Reading and writing files, also files from unknown authors: robot files, URDF, xacro, packages."""
