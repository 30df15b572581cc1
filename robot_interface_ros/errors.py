"""What can go wrong between a robot and whoever commands it."""


class RobotError(Exception):
    """Something a user must mend; the message is one line that names the cause and the remedy."""


class ConfigError(ValueError):
    """A configuration value or file that is unknown or not allowed; one line that lists what is."""


class CommandRejected(RobotError):
    """The robot refused a whole command; nothing of it was applied."""


class RobotTimeout(RobotError):
    """The robot did not answer within the bounded time; the message names robot, topics and likely cause."""


class RobotInterrupted(RobotError):
    """The episode was cut from outside (reset, restart or command by another); a reset starts afresh."""


class NotFinite(RobotInterrupted):
    """The robot says a number that is none (NaN) or infinite; the episode is cut, and a reset starts afresh."""


class StopRequested(Exception):
    """The process was asked to stop (Ctrl-C, SIGTERM) while it waited for a robot."""
