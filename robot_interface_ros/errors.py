"""Errors between a robot and its client, and errors of configuration."""


class RobotError(Exception):
    """An error that a user can fix; the message is one line that names the cause and the remedy."""


class ConfigError(ValueError):
    """A setting or file that is unknown or not allowed; the message is one line that lists the allowed ones."""


class CommandRejected(RobotError):
    """The robot refused a command as a whole; no part of it was applied."""


class RobotTimeout(RobotError):
    """The robot did not answer in time; the message names robot, topics and likely cause."""


class RobotInterrupted(RobotError):
    """The episode was interrupted (robot restarted, or reset or commanded by another client); the next reset continues."""


class NotFiniteReading(RobotInterrupted):
    """The robot sent NaN or infinity; the episode is interrupted, and the next reset continues."""


class StopRequested(Exception):
    """The process was told to stop (Ctrl-C, SIGTERM) while it waited for a robot."""
