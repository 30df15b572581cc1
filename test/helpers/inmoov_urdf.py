"""InMoov's URDF as text."""

from __future__ import annotations

from robot_interface_ros.files.description import share_directory, urdf_text

XACRO = share_directory() / "urdf" / "inmoov.urdf.xacro"


def inmoov_text(articulated: str = "all") -> str:
    """Return the URDF with the joints of some groups, separated by spaces, movable."""
    return urdf_text(XACRO, {"articulated": articulated})
