"""The driver node with a longer wait for an emulated board, which starts slowly on a busy machine."""

from __future__ import annotations

import sys

from scopes import WAIT_S

from robot_driver_ros import lifecycle
from robot_driver_ros.boards import firmata_board
from robot_driver_ros.ros.robot_driver_node import main

if __name__ == "__main__":
    firmata_board.GREETING_TIMEOUT_S, lifecycle.CONNECT_TIMEOUT_S = WAIT_S, WAIT_S + 4.0
    sys.exit(main())
