"""The processes of a system and their arguments, without starting any."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from rl_trainer_ros.bringup.launch_arguments import arguments, help_text
from rl_trainer_ros.bringup.system import (
    BringupError,
    Process,
    System,
    robots,
    ros_arguments,
    system,
)

CONFIG = Path(__file__).resolve().parents[2] / "config"


def processes(**given: str) -> dict[str, Process]:
    return {process.name: process for process in system(given, {}).processes}


@pytest.fixture
def params_file(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "trainer:\n  ros__parameters:\n    seed: 5\n    robot: other\n    srl_model: random\n"
        f"    srl_folder: {tmp_path}\n    namespaces: [/left, /right]\n"
    )
    return str(path)


def test_ground_truth_needs_no_camera_and_no_encoder() -> None:
    started = processes()
    assert list(started) == ["robot_sim", "trainer"]
    assert "cameras" not in started["robot_sim"].parameters
    assert started["robot_sim"].parameters["namespaces"] == ("/env_0",)


def test_an_encoded_state_starts_one_camera_and_one_encoder_for_all_robots(tmp_path: Path) -> None:
    started = processes(srl_model="autoencoder", srl_folder=str(tmp_path), num_envs="2")
    assert list(started) == ["robot_sim", "srl", "trainer"]
    assert started["robot_sim"].parameters["cameras"] == ("external",)
    assert started["srl"].parameters == {"namespaces": ("/env_0", "/env_1"), "srl_folder": str(tmp_path)}
    (tmp_path / "encoder.json").write_text('{"cameras": ["external", "above"]}')
    started = processes(srl_model="autoencoder", srl_folder=str(tmp_path), num_envs="2")
    assert started["robot_sim"].parameters["cameras"] == ("external", "above")


@pytest.mark.parametrize(
    "source, names",
    [("sim", ["robot_sim", "trainer"]), ("mock", ["robot_driver", "trainer"]), ("external", ["trainer"])],
)
def test_robot_source_chooses_who_serves_the_robots(source: str, names: list[str]) -> None:
    started = processes(robot_source=source, robot="inmoov", control_hz="2.5e1", num_envs="3")
    assert list(started) == names
    for process in started.values():
        assert process.parameters["namespaces"] == ("/env_0", "/env_1", "/env_2")
        assert process.parameters["robot"] == "inmoov"
        assert process.parameters["control_hz"] == 25.0  # one rate for both sides


def test_a_physical_robot_has_a_driver_in_real_time_with_a_params_file_of_its_own() -> None:
    started = processes(robot_source="driver")
    driver = started["robot_driver"]
    assert (driver.parameters["board"], driver.parameters["realtime"]) == ("serial", True)
    assert started["trainer"].parameters["realtime"] is True
    assert Path(driver.params_file).name == "robot_driver.yaml"
    assert driver.orphan_signal == signal.SIGTERM  # it takes the torque off
    assert not {"hardware", "ports", "body"} & set(driver.parameters)  # as its parameter file says
    assert driver.max_restarts == 3
    assert processes(robot_source="emulated")["robot_driver"].parameters["board"] == "emulated"
    assert processes(robot_source="mock", realtime="true")["robot_driver"].parameters["board"] == "mock"


def test_a_driver_that_does_not_remember_is_not_started_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((CONFIG / "robot_driver.yaml").read_text().replace("remember: true", "remember: false"))
    assert processes(robot_source="driver", driver_params_file=str(path))["robot_driver"].max_restarts == 0
    assert processes(robot_source="emulated", driver_params_file=str(path))["robot_driver"].max_restarts == 3


def test_what_the_servos_of_a_physical_robot_are_is_a_launch_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").touch()
    driver = processes(robot_source="driver", hardware="mine.yaml", ports="[left=/dev/a, right=/dev/b]")["robot_driver"]
    assert driver.parameters["hardware"] == str(tmp_path / "mine.yaml")
    assert driver.parameters["ports"] == ("left=/dev/a", "right=/dev/b")
    assert processes(robot_source="emulated", body="simulated")["robot_driver"].parameters["body"] == "simulated"


def test_real_time_is_told_to_robots_and_trainer_alike() -> None:
    for source in ("sim", "mock"):
        robot, *_, trainer = processes(robot_source=source, realtime="true").values()
        assert robot.parameters["realtime"] is True and trainer.parameters["realtime"] is True
    assert "realtime" not in processes()["robot_sim"].parameters  # as its parameter file says
    with pytest.raises(BringupError, match="realtime:=true needs transport:=topics"):
        processes(realtime="true", transport="in_process")


def test_the_clock_of_the_first_robot_is_everybodys() -> None:
    started = processes(num_envs="2", sim_processes="2")
    assert started["robot_sim_0"].remappings == {"/env_0/clock": "/clock"}
    assert started["robot_sim_1"].remappings == {}


def test_training_in_process_starts_the_trainer_alone() -> None:
    assert list(processes(transport="in_process")) == ["trainer"]


def test_only_the_trainer_ends_the_system_and_is_not_restarted() -> None:
    started = processes(max_restarts="7")
    assert (started["trainer"].ends_system, started["trainer"].max_restarts) == (True, 0)
    assert (started["robot_sim"].ends_system, started["robot_sim"].max_restarts) == (False, 7)
    assert started["trainer"].shutdown_timeout_s >= 60.0  # it saves
    assert started["trainer"].orphan_signal == signal.SIGTERM


def test_argument_before_params_file_before_default(params_file: str) -> None:
    started = processes(params_file=params_file, seed="9")
    assert started["robot_sim"].parameters["robot"] == "other"
    assert started["robot_sim"].parameters["namespaces"] == ("/left", "/right")
    assert "srl" in started
    assert started["trainer"].parameters == {"seed": 9}  # the rest is in the file, which the node reads itself
    assert started["trainer"].params_file == params_file
    assert processes(params_file=params_file, num_envs="1")["trainer"].parameters == {"namespaces": ("/env_0",)}
    without_encoder = processes(params_file=params_file, srl_model="ground_truth")
    assert list(without_encoder) == ["robot_sim", "trainer"]  # the folder in the file is that of the file's encoder
    assert without_encoder["trainer"].parameters == {"srl_model": "ground_truth", "srl_folder": ""}


def test_empty_text_is_not_given() -> None:
    assert processes(**{argument.name: "" for argument in arguments()}) == processes()


def test_the_shipped_params_file_is_the_default() -> None:
    path = Path(processes()["trainer"].params_file)
    assert (path.parent.name, path.name) == ("config", "trainer.yaml")
    assert path.is_file()


def test_the_simulator_has_a_params_file_of_its_own_and_a_physics_rate_for_other_control_rates(tmp_path: Path) -> None:
    mine = tmp_path / "sim.yaml"
    mine.write_text("/robot_sim:\n  ros__parameters:\n    image_width: 128\n")
    shipped = processes()["robot_sim"]
    assert Path(shipped.params_file).name == "robot_sim.yaml"
    assert Path(shipped.params_file).is_file()
    assert "physics_hz" not in shipped.parameters  # so that the file's counts
    started = processes(control_hz="50", physics_hz="2.5e2", sim_params_file=str(mine))
    assert started["robot_sim"].params_file == str(mine)
    assert (started["robot_sim"].parameters["control_hz"], started["robot_sim"].parameters["physics_hz"]) == (
        50.0,
        250.0,
    )
    assert "physics_hz" not in started["trainer"].parameters


def test_the_simulator_is_told_what_is_imperfect_and_the_trainer_too() -> None:
    started = processes(imperfection="mild")
    assert started["robot_sim"].parameters["imperfection"] == started["trainer"].parameters["imperfection"] == "mild"
    assert "imperfection" not in processes()["robot_sim"].parameters  # so that the file's counts
    assert processes(imperfection="mild", transport="in_process")["trainer"].parameters["imperfection"] == "mild"


def test_the_trainers_own_waits_come_before_it_is_given_up() -> None:
    margin_s = system({"start_timeout_s": "4", "answer_timeout_s": "5"}, {}).give_up_timeout_s - 9.0
    assert margin_s > 0.0
    assert system({"start_timeout_s": "600", "answer_timeout_s": "50"}, {}).give_up_timeout_s == 650.0 + margin_s


@pytest.mark.parametrize(
    "given, environ, expected",
    [
        ({}, {}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}),
        ({}, {"ROS_DISTRO": "jazzy"}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}),
        ({}, {"ROS_DISTRO": "humble"}, {"ROS_LOCALHOST_ONLY": "1"}),
        ({}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}, {}),
        ({}, {"ROS_LOCALHOST_ONLY": "1"}, {}),
        ({"remote": "true"}, {}, {}),
        ({"remote": "true", "domain_id": "42"}, {}, {"ROS_DOMAIN_ID": "42"}),
    ],
)
def test_discovery_stays_local_unless_asked(
    given: dict[str, str], environ: dict[str, str], expected: dict[str, str]
) -> None:
    assert dict(system(given, environ).environment) == expected


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "given, named",
    [
        ({"num_timestep": "5"}, ["num_timestep", "num_timesteps", "robot_source", "log_dir"]),
        ({"srl_model": "vea"}, ["vea", "ground_truth", "autoencoder", "supervised", "random"]),
        ({"robot_source": "gazebo"}, ["gazebo", "sim", "mock", "emulated", "driver", "external"]),
        ({"seed": "x"}, ["seed", "'x'", "a whole number"]),
        ({"num_timesteps": "0"}, ["num_timesteps", "0"]),
        ({"num_envs": "0"}, ["num_envs", "1 to"]),
        ({"remote": "maybe"}, ["remote", "maybe", "true or false"]),
        ({"domain_id": "233"}, ["domain_id", "0 to 232"]),
        ({"max_restarts": "-1"}, ["max_restarts", "-1"]),
        ({"control_hz": "fast"}, ["control_hz", "fast", "a number"]),
        ({"namespaces": "[/my-robot]"}, ["/my-robot", "/my_robot"]),
        ({"namespaces": "[/a, /a]"}, ["/a", "twice"]),
        ({"physics_hz": "10"}, ["physics_hz", "50 to 10000"]),
        ({"sim_params_file": "/no/such.yaml"}, ["/no/such.yaml"]),
        ({"sim_params_file": str(CONFIG / "trainer.yaml")}, ["config/trainer.yaml", "robot_sim", "ros__parameters"]),
        ({"sim_params_file": "my.yaml", "transport": "in_process"}, ["sim_params_file has no effect", "in_process"]),
        (
            {"robot_source": "driver", "realtime": "false"},
            ["robot_source:=driver runs in real time", "leave realtime"],
        ),
        ({"robot_source": "driver", "transport": "in_process"}, ["robot_source:=driver has no effect", "in_process"]),
        ({"hardware": "mine.yaml"}, ["hardware has no effect without robot_source:=driver"]),
        ({"robot_source": "mock", "ports": "[left=/dev/a]"}, ["ports has no effect in lockstep", "realtime:=true"]),
        ({"robot_source": "emulated", "ports": "[left=/dev/a]"}, ["ports has no effect with robot_source:=emulated"]),
        (
            {"robot_source": "driver", "hardware": "/no/such.yaml"},
            ["hardware: there is no file /no/such.yaml", "calibrate"],
        ),
        ({"robot_source": "driver", "body": "simulated"}, ["body has no effect with robot_source:=driver"]),
        ({"robot_source": "emulated", "body": "stone"}, ["stone", "none, simulated"]),
        ({"physics_hz": "250", "robot_source": "mock"}, ["physics_hz has no effect", "robot_source:=mock"]),
        ({"imperfection": "mild", "robot_source": "mock"}, ["imperfection has no effect", "robot_source:=mock"]),
        ({"params_file": "/no/such.yaml"}, ["/no/such.yaml"]),
        ({"srl_model": "autoencoder", "log_dir": "/no/such"}, ["/no/such/srl/autoencoder", "train_srl"]),
        ({"srl_model": "random", "robot_source": "mock"}, ["mock", "camera"]),
    ],
)
def test_bad_arguments_are_one_line_that_names_what_is_known(given: dict[str, str], named: list[str]) -> None:
    with pytest.raises(BringupError) as caught:
        system(given, {})
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in named if word not in message] == []


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "text, named",
    [
        ("seed: 5\n", "ros__parameters"),
        ("trainer:\n  ros__parameters:\n    seeed: 5\n", "seed"),
        ("trainer:\n  ros__parameters:\n    seed: five\n", "five"),
        ("trainer: [\n", "YAML"),
    ],
)
def test_a_bad_params_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(BringupError) as caught:
        system({"params_file": str(path)}, {})
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_help_names_every_argument_and_its_choices() -> None:
    text = help_text()
    assert all(f"  {argument.name}:=" in text for argument in arguments())
    assert "(sim | mock | emulated | driver | external)" in text


VALUES: dict[str, Any] = {
    "flag": True,
    "whole": 3,
    "real": 1e-05,
    "even": 2.0,
    "text": "reach",
    "number_text": "1",
    "truth_text": "true",
    "quoted": 'it\'s "so": {x}',
    "unicode": "Größe",
    "empty": "",
    "texts": ("/env_0", "1"),
    "reals": [0.5, 1.0],
}


def test_ros_arguments_are_spelled_with_their_types() -> None:
    words = ros_arguments(Process("a", "a", "a", params_file="p.yaml", parameters=VALUES))
    assert words[:3] == ["--ros-args", "--params-file", "p.yaml"]
    assert words[3::2] == ["-p"] * len(VALUES)
    assert words[4::2][:4] == ["flag:=true", "whole:=3", "real:=1.0e-05", "even:=2.0"]
    assert words[4::2][4:6] == ['text:="reach"', 'number_text:="1"']
    assert 'texts:=["/env_0", "1"]' in words


@pytest.mark.ros
def test_rclpy_reads_the_same_values_and_lets_them_overrule_the_file(tmp_path: Path) -> None:
    rclpy = pytest.importorskip("rclpy")
    from rclpy.node import Node
    from rclpy.signals import SignalHandlerOptions

    path = tmp_path / "p.yaml"
    path.write_text("/**:\n  ros__parameters:\n    whole: 7\n    only_in_file: 8\n")
    process = Process("a", "a", "a", params_file=str(path), parameters=VALUES)
    context = rclpy.Context()
    rclpy.init(args=ros_arguments(process), context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("reader", context=context, automatically_declare_parameters_from_overrides=True)
        read = {name: node.get_parameter(name).value for name in [*VALUES, "only_in_file"]}
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
    assert read.pop("only_in_file") == 8
    assert {name: (list(value) if name in ("texts", "reals") else value) for name, value in read.items()} == {
        name: (list(value) if name in ("texts", "reals") else value) for name, value in VALUES.items()
    }
    assert {name: type(read[name]) for name in ("flag", "whole", "even", "number_text")} == {
        "flag": bool,
        "whole": int,
        "even": float,
        "number_text": str,
    }


def shares(**given: str) -> list[tuple[str, ...]]:
    started = system(given, {}).processes
    return [process.parameters["namespaces"] for process in started if process.executable == "robot_sim_node"]


@pytest.mark.many_robots
def test_robots_are_shared_out_to_simulators() -> None:
    names = tuple(f"/env_{i}" for i in range(5))
    assert shares(num_envs="5", sim_processes="1") == [names]
    assert shares(num_envs="5", sim_processes="2") == [names[:2], names[2:]]
    assert shares(num_envs="5", sim_processes="9") == [(name,) for name in names]
    asked = system({"num_envs": "5", "sim_processes": "2"}, {})
    assert [process.name for process in asked.processes] == ["robot_sim_0", "robot_sim_1", "trainer"]
    assert asked.trainer.parameters["namespaces"] == names
    assert 1 <= len(shares(num_envs="4")) <= 4


@pytest.mark.many_robots
def test_robots_of_another_machine_are_trained_on_but_not_started() -> None:
    given = {"num_envs": "2", "sim_processes": "1", "remote_namespaces": "[/far_0, /far_1]"}
    assert shares(**given) == [("/env_0", "/env_1")]
    assert system(given, {}).trainer.parameters["namespaces"] == ("/env_0", "/env_1", "/far_0", "/far_1")
    with pytest.raises(BringupError, match="listed twice"):
        system({"remote_namespaces": "[/env_0]"}, {})


@pytest.mark.many_robots
def test_robots_alone_for_a_trainer_elsewhere() -> None:
    given = {"namespaces": "[/far_0, /far_1]", "remote": "true", "sim_processes": "1"}
    asked = robots(given, {})
    assert [process.name for process in asked.processes] == ["robot_sim"] and asked.endless
    assert asked.processes[0].parameters["namespaces"] == ("/far_0", "/far_1") and not asked.environment
    with pytest.raises(BringupError, match="nothing to start"):
        robots({"robot_source": "external"}, {})
    with pytest.raises(BringupError, match="endless"):
        System((), endless=True)


def test_the_robot_of_evaluations_is_served_beside_those_that_learn() -> None:
    started = system({"eval_namespace": "/eval", "eval_every_steps": "1000", "num_envs": "2"}, {})
    served = [name for process in started.processes for name in process.parameters.get("namespaces", ())]
    assert sorted(served) == ["/env_0", "/env_0", "/env_1", "/env_1", "/eval"]  # the trainer's own, and the simulators'
    assert started.trainer.parameters["namespaces"] == ("/env_0", "/env_1")
