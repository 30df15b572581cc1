"""Files for ros2_control to use a robot that serves the contract: a URDF with a <ros2_control> tag, and controllers.

The hardware interface is joint_state_topic_hardware_interface, which sends and receives JointState messages. From its source
(github.com/ros-controls/topic_based_hardware_interfaces, 1.1.0): every command names every joint of the tag, so each joint
needs a position command interface and mimic joints are not allowed. If commands differ little from the state it stops
sending; the threshold -1 prevents this. The controller manager subscribes to `robot_description` in its own namespace
(ros2_control, Jazzy and later).
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import yaml

from robot_interface_ros.robot_config import RobotDescription

URDF, CONTROLLERS = "robot.urdf", "controllers.yaml"
BROADCASTER, CONTROLLER = "joint_state_broadcaster", "joint_trajectory_controller"


def control_namespace(namespace: str) -> str:
    """Return the namespace of a robot's controllers; the robot's own namespace already has a joint_states."""
    return f"{namespace.rstrip('/')}/control"


def files(description: RobotDescription, namespace: str, rate_hz: int) -> dict[str, str]:
    """Return file name -> text."""
    return {URDF: urdf(description, namespace), CONTROLLERS: controllers(description, namespace, rate_hz)}


def urdf(description: RobotDescription, namespace: str) -> str:
    """Return the URDF with the tag: each independent joint has a position command, and states of position and velocity."""
    robot = ElementTree.fromstring(description.urdf)
    system = ElementTree.SubElement(robot, "ros2_control", name=description.name, type="system")
    hardware = ElementTree.SubElement(system, "hardware")
    ElementTree.SubElement(hardware, "plugin").text = "joint_state_topic_hardware_interface/JointStateTopicSystem"
    parameters = {
        "joint_commands_topic": f"{namespace.rstrip('/')}/joint_command",
        "joint_states_topic": f"{namespace.rstrip('/')}/joint_states",
        "trigger_joint_command_threshold": "-1",
    }
    for name, value in parameters.items():
        ElementTree.SubElement(hardware, "param", name=name).text = value
    for name in description.joint_names:
        joint = ElementTree.SubElement(system, "joint", name=name)
        ElementTree.SubElement(joint, "command_interface", name="position")
        for quantity in ("position", "velocity"):
            ElementTree.SubElement(joint, "state_interface", name=quantity)
    ElementTree.indent(robot)
    return ElementTree.tostring(robot, encoding="unicode") + "\n"


def controllers(description: RobotDescription, namespace: str, rate_hz: int) -> str:
    """Return parameters of a controller manager with a joint state broadcaster and a trajectory controller of all joints."""
    types = {
        BROADCASTER: "joint_state_broadcaster/JointStateBroadcaster",
        CONTROLLER: "joint_trajectory_controller/JointTrajectoryController",
    }
    manager = {"update_rate": rate_hz, **{name: {"type": kind} for name, kind in types.items()}}
    trajectory = {
        "joints": list(description.joint_names),
        "command_interfaces": ["position"],
        "state_interfaces": ["position", "velocity"],
    }
    place = control_namespace(namespace)
    nodes = {"controller_manager": manager, CONTROLLER: trajectory}
    entries = {f"{place}/{node}": {"ros__parameters": parameters} for node, parameters in nodes.items()}
    text: str = yaml.safe_dump(entries, sort_keys=False)
    return text
