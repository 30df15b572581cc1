"""The error for bags."""

from robot_interface_ros.errors import ConfigError


class BagError(ConfigError):
    """A bag cannot be read or written; the message is one line with cause and remedy."""
