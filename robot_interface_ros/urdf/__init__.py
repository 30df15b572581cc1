"""URDF: checks and repairs, the robot model, kinematics, frames."""
