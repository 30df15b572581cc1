"""The arm that a policy moves: its joints, where its hand is, and the part of space that the hand can reach."""
