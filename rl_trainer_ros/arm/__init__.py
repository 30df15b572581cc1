"""The arm that a policy moves: its joints, the position of its hand, and the hand's workspace."""
