"""Plots docs/pictures/wiring.png, the pins of all servos, from the hardware file: `python docs/draw_wiring.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from robot_driver_ros.servos.hardware import Hardware, load_hardware
from robot_interface_ros.robot import Command, Episode
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig

PICTURE = Path(__file__).parent / "pictures" / "wiring.png"
WIDTH, HEIGHT, ROW = 920, 1000, 54  # pixels
COLOURS = {"left": "#1f6fb4", "right": "#c8511b"}
# Arms a little away from the body, so that the lines do not cross it.
POSTURE = {"shoulder_out": 0.4, "elbow_flex": -0.3, "head_pan": 0.0, "head_tilt": 0.0, "eyes_tilt": 0.0}


def scene(hardware: Hardware) -> tuple[Any, dict[str, Any]]:
    """Return the robot seen from the front, `(height, width, 3)`, and the position of each joint in the image, pixels."""
    config = SimConfig(robot="inmoov", groups=("all",))
    robot = PyBulletRobot(hardware.description, config)
    observation = robot.reset(Episode(0, target=(-1.0, 0.0, 1.3)))  # the target is behind the robot
    target = hardware.description.rest.copy()
    for i, joint in enumerate(robot.joint_names):
        side = -1.0 if joint.startswith("r_") else 1.0
        for part, angle in POSTURE.items():
            if part in joint:
                target[i] = side * angle if part == "shoulder_out" else angle
    for _ in range(100):
        robot.send(Command(observation.stamp, robot.joint_names, target))
        observation = robot.receive()
    client: Any = robot._client
    view = client.computeViewMatrix((4.2, 0.0, 1.46), (0.0, 0.0, 1.39), (0.0, 0.0, 1.0))
    projection = client.computeProjectionMatrixFOV(15.5, WIDTH / HEIGHT, 0.05, 10.0)
    pixels = client.getCameraImage(2 * WIDTH, 2 * HEIGHT, view, projection, lightDirection=(2.0, -1.0, 2.0))[2]
    image = np.asarray(pixels, dtype=np.uint8).reshape(2 * HEIGHT, 2 * WIDTH, 4)[:, :, :3]
    to_picture = np.reshape(projection, (4, 4), order="F") @ np.reshape(view, (4, 4), order="F")
    model, position = hardware.description.model, dict(zip(robot.joint_names, observation.position))
    places = {}
    for joint in robot.joint_names:
        chain = model.chain(model.joints[joint].child)
        x, y, _, w = to_picture @ np.append(chain.position([position[name] for name in chain.joint_names]), 1.0)
        places[joint] = np.array([(x / w + 1.0) * WIDTH / 2, (1.0 - y / w) * HEIGHT / 2])
    robot.close()
    return image, places


def main() -> None:
    """Plot the labels of each board on the side of most of its servos, sorted by height."""
    hardware = load_hardware("inmoov", groups=("all",))
    image, places = scene(hardware)
    figure = Figure(figsize=(11.0, 7.6), dpi=110)
    panel = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    panel.imshow(image, extent=(0, WIDTH, HEIGHT, 0))
    for board, x, align, out in (("right", -30, "right", -1), ("left", WIDTH + 30, "left", 1)):
        servos = [servo for servo in hardware.servos if servo.config.board == board]
        servos.sort(key=lambda servo: (round(places[servo.joint][1] / 40.0), -out * places[servo.joint][0]))
        middle = float(np.mean([places[servo.joint][1] for servo in servos]))
        top = min(max(middle - ROW * (len(servos) - 1) / 2, 2 * ROW), HEIGHT - ROW * len(servos))
        panel.text(x, top - 1.1 * ROW, f"{board} Mega", ha=align, fontsize=12, weight="bold", color=COLOURS[board])
        for row, servo in enumerate(servos):
            y, place = top + row * ROW, places[servo.joint]
            name = servo.joint.removesuffix("_joint")
            words = [name, f"pin {servo.config.pin}"][::-out]
            panel.text(x, y, "   ".join(words), ha=align, va="center", fontsize=9.5, color=COLOURS[board])
            panel.plot([x + 6 * -out, place[0]], [y, place[1]], color=COLOURS[board], linewidth=0.8, alpha=0.8)
            panel.plot(*place, "o", color=COLOURS[board], markersize=4)
    panel.set_xlim(-270, WIDTH + 270)
    panel.set_ylim(HEIGHT, 0)
    panel.axis("off")
    figure.savefig(PICTURE)


if __name__ == "__main__":
    main()
