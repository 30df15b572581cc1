"""A robot behind the topics of the robot contract, as the `Robot` that an in-process simulation is too."""
