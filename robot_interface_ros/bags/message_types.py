"""Message types of recordings: definitions and type hashes, which rosbag2 stores with the messages.

Definitions are those of ROS 2's common_interfaces and rcl_interfaces, without comments. A hash is that of REP 2016; tests
hold both against the `rosbags` package, and the bytes against rclpy.
"""

from __future__ import annotations

from typing import NamedTuple


class MessageType(NamedTuple):
    """One message type."""

    name: str
    """Name as in ROS: sensor_msgs/msg/Image."""
    definition: str
    """Followed by the definitions of its fields' types, as in MCAP's schema encoding `ros2msg`."""
    type_hash: str


_HEADER = "std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
_TIME = "builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
_VECTOR = "float64 x\nfloat64 y\nfloat64 z\n"


def _definition(own: str, *others: str) -> str:
    return own + "".join(f"{'=' * 80}\nMSG: {other}" for other in others)


STRING = MessageType(
    "std_msgs/msg/String",
    "string data\n",
    "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18",
)
BOOL = MessageType(
    "std_msgs/msg/Bool", "bool data\n", "RIHS01_feb91e995ff9ebd09c0cb3d2aed18b11077585839fb5db80193b62d74528f6c9"
)
JOINT_STATE = MessageType(
    "sensor_msgs/msg/JointState",
    _definition(
        "std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n",
        _HEADER,
        _TIME,
    ),
    "RIHS01_a13ee3a330e346c9d87b5aa18d24e11690752bd33a0350f11c5882bc9179260e",
)
IMAGE = MessageType(
    "sensor_msgs/msg/Image",
    _definition(
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\nuint8[] data\n",
        _HEADER,
        _TIME,
    ),
    "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47",
)
COMPRESSED_IMAGE = MessageType(
    "sensor_msgs/msg/CompressedImage",
    _definition("std_msgs/Header header\nstring format\nuint8[] data\n", _HEADER, _TIME),
    "RIHS01_15640771531571185e2efc8a100baf923961a4d15d5569652e6cb6691e8e371a",
)
CAMERA_INFO = MessageType(
    "sensor_msgs/msg/CameraInfo",
    _definition(
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k\n"
        "float64[9] r\nfloat64[12] p\nuint32 binning_x\nuint32 binning_y\nsensor_msgs/RegionOfInterest roi\n",
        _HEADER,
        _TIME,
        "sensor_msgs/RegionOfInterest\nuint32 x_offset\nuint32 y_offset\nuint32 height\nuint32 width\nbool do_rectify\n",
    ),
    "RIHS01_b3dfd68ff46c9d56c80fd3bd4ed22c7a4ddce8c8348f2f59c299e73118e7e275",
)
POSE_STAMPED = MessageType(
    "geometry_msgs/msg/PoseStamped",
    _definition(
        "std_msgs/Header header\ngeometry_msgs/Pose pose\n",
        _HEADER,
        _TIME,
        "geometry_msgs/Pose\ngeometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n",
        f"geometry_msgs/Point\n{_VECTOR}",
        f"geometry_msgs/Quaternion\n{_VECTOR}float64 w\n",
    ),
    "RIHS01_10f3786d7d40fd2b54367835614bff85d4ad3b5dab62bf8bca0cc232d73b4cd8",
)
WRENCH_STAMPED = MessageType(
    "geometry_msgs/msg/WrenchStamped",
    _definition(
        "std_msgs/Header header\ngeometry_msgs/Wrench wrench\n",
        _HEADER,
        _TIME,
        "geometry_msgs/Wrench\ngeometry_msgs/Vector3 force\ngeometry_msgs/Vector3 torque\n",
        f"geometry_msgs/Vector3\n{_VECTOR}",
    ),
    "RIHS01_8dc3deaf06b2ab281f9f9a742a8961c328ca7cec16e3fd6586d3a5c83fa78f77",
)
MESSAGE_TYPES = {
    kind.name: kind
    for kind in (STRING, BOOL, JOINT_STATE, IMAGE, COMPRESSED_IMAGE, CAMERA_INFO, POSE_STAMPED, WRENCH_STAMPED)
}
