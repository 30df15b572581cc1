"""What can be wrong with a bag."""

from robot_interface_ros.errors import ConfigError


class BagError(ConfigError):
    """A bag that cannot be read or written; one line says what is wrong and what to do."""
