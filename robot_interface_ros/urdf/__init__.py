"""URDF: the robot model, kinematics, frames, meshes, checks and repairs."""
