"""Networks: images of one or several cameras to a state, and a state back to images."""

from srl_ros.networks.state_network import NETWORKS, StateNetwork, check_image_size

__all__ = ["NETWORKS", "StateNetwork", "check_image_size"]
