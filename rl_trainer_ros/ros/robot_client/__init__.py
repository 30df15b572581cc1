"""The client of a robot over the topics of the robot contract. It implements `Robot`, as an in-process simulation does."""
