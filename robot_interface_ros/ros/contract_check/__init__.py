"""`rl_trainer contract_check`: a robot is checked against the robot contract."""
