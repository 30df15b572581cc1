"""The content of recordings: topics, types, quality of service, and the topics that are not in the robot contract.

All names are relative to a robot's namespace, as in the contract. Beside the contract's topics a recording has

* `action`, JointState. `position`: the action's numbers, `name`: their labels, `frame_id`: the action's name. The stamp is that
  of the observation that the action answers.
* `action_probabilities`, JointState, with the same stamp. `position`: the policy's distribution there. Discrete actions: the
  probability of each. Continuous actions: their means (`mean_...`), then their standard deviations (`std_...`).
* `reward`, JointState. `position`: reward, terminated, truncated, is_success, distance. The stamp is that of the observation
  that the action led to.
* `episode_mark`, String. JSON at the first and at the last observation of an episode: see `start_mark` and `end_mark`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from robot_interface_ros import topics
from robot_interface_ros.bags import message_types
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.message_types import MessageType
from robot_interface_ros.files.untrusted_files import FileError, parse_json

ACTION, ACTION_PROBABILITIES, REWARD, EPISODE_MARK = "action", "action_probabilities", "reward", "episode_mark"
REWARD_NAMES = ("reward", "terminated", "truncated", "is_success", "distance")
START, END = "start", "end"
COMPRESSED = "compressed"
"""Last part of `camera/<name>/image_raw/compressed`, which image_transport publishes; recordings of this project have none."""
_KINDS_IN_MARKS = {
    "settings": dict,
    "discrete_actions": int,
    "end_effector": str,
    "robot": str,
    "policy": str,
    "gaze": str,
}
FORMAT = 1
"""Format of the episode marks; a larger number is from a newer version."""


class Channel(NamedTuple):
    """One topic of a bag."""

    topic: str
    """Absolute name."""
    kind: MessageType
    latched: bool = False
    """Whether it is published as transient local."""


class Recorded(NamedTuple):
    """One message of a bag."""

    topic: str
    time: int
    """Log time, integer ns; in recordings of this project, the stamp of the message."""
    data: bytes
    """Serialised."""


_JOINT_STATES = (
    topics.JOINT_STATES,
    topics.JOINT_COMMAND,
    topics.JOINT_TARGET,
    topics.WORLD_STATE,
    topics.SRL_STATE,
    ACTION,
    ACTION_PROBABILITIES,
    REWARD,
)
_KINDS = {
    **dict.fromkeys(_JOINT_STATES, message_types.JOINT_STATE),
    topics.TARGET_POSE: message_types.POSE_STAMPED,
    topics.CONTACT: message_types.WRENCH_STAMPED,
    topics.COMMAND_REJECTED: message_types.STRING,
    topics.EPISODE: message_types.STRING,
    topics.MOTION_ENABLED: message_types.BOOL,
    topics.ROBOT_DESCRIPTION: message_types.STRING,
    EPISODE_MARK: message_types.STRING,
}
_LATCHED = {topics.EPISODE, topics.MOTION_ENABLED, topics.ROBOT_DESCRIPTION}


def channel(namespace: str, name: str) -> Channel:
    """Return the channel of a name of the contract or of a recording, in a namespace."""
    kind = _KINDS.get(name)
    if kind is None and name.startswith(f"{topics.CAMERA}/"):
        kinds = {"camera_info": message_types.CAMERA_INFO, COMPRESSED: message_types.COMPRESSED_IMAGE}
        kind = kinds.get(name.rpartition("/")[2], message_types.IMAGE)
    if kind is None:
        raise BagError(f"{name} is no topic of a recording")
    return Channel(topics.absolute(namespace, name), kind, name in _LATCHED)


def start_mark(episode: int, stamp: int, **about: Any) -> dict[str, Any]:
    """Return the mark of an episode's first observation.

    `about`: seed, target (m), namespace, policy, settings (of the environment, those that are not at their default),
    discrete_actions (0: continuous), end_effector, gaze (of the eyes; empty: they stand still).
    """
    return {"mark": START, "format": FORMAT, "episode": episode, "stamp": stamp, **about}


def end_mark(episode: int, stamp: int, **about: Any) -> dict[str, Any]:
    """Return the mark of an episode's last observation. `about`: steps, return, terminated, truncated, success, interrupted."""
    return {"mark": END, "format": FORMAT, "episode": episode, "stamp": stamp, **about}


def mark_text(mark: Mapping[str, Any]) -> str:
    """Return a mark as the text of its message."""
    return json.dumps(mark, separators=(",", ":"))


def read_mark(text: str) -> dict[str, Any]:
    """Return a mark from the text of a message. Raises BagError for anything else, and for a newer format."""
    try:
        mark = parse_json(text, EPISODE_MARK)
        if mark["mark"] not in (START, END) or not isinstance(mark["stamp"], int):
            raise KeyError
        newer = int(mark["format"]) > FORMAT
        if not all(isinstance(mark.get(name, kind()), kind) for name, kind in _KINDS_IN_MARKS.items()):
            raise TypeError
    except (FileError, KeyError, TypeError, ValueError):
        raise BagError(f"an episode_mark is '{text[:60]}', which is none of this project's") from None
    if newer:
        raise BagError(f"the recording has format {mark['format']}, and this version reads up to {FORMAT}; update")
    return dict(mark)
