"""Calibration with scripted answers, on mock boards."""

from __future__ import annotations

import dataclasses
import errno
import io
import math
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest
from boards import Time, whole_robot

from robot_driver_ros.boards import find_port
from robot_driver_ros.boards.firmata_board import FirmataBoard
from robot_driver_ros.boards.links import BoardRefused, Link, LinkLost
from robot_driver_ros.boards.mock_mega import MockMega
from robot_driver_ros.calibration.calibrate import Calibration, Findings, calibrate, calibrated
from robot_driver_ros.calibration.calibrate_robot import calibrate_robot
from robot_driver_ros.calibration.hardware_file import hardware_text, write_hardware
from robot_driver_ros.servos.hardware import hardware_file, load_hardware, read_hardware
from robot_driver_ros.servos.pulse_journal import Left, Memory
from robot_driver_ros.servos.pulse_tables import HardwareConfig, ServoConfig
from robot_interface_ros.config import ConfigError

ELBOW = "r_elbow_flex_joint"


class Script:
    """A terminal that answers in order and keeps the output."""

    def __init__(self, answers: Iterable[str]):
        self.answers, self.said = list(answers), []

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, prompt: str) -> str:
        self.said.append(prompt)
        return self.answers.pop(0) if self.answers else "quit"


class Bench:
    """Mock boards during a dialogue, with the pulses on their pins."""

    def __init__(self) -> None:
        self.hardware, self.time = whole_robot(), Time()
        self.megas = {name: MockMega(self.time, boot_s=2.0) for name in self.hardware.config.boards}
        self.powered: set[frozenset[tuple[str, int]]] = set()

    def run(self, joints: list[str], *answers: str) -> tuple[HardwareConfig, Script]:
        boards = {name: FirmataBoard(name, mega.connect, self.time) for name, mega in self.megas.items()}
        description, script = self.hardware.description, Script(answers)
        limits = zip(description.limits.lower.tolist(), description.limits.upper.tolist())
        calibration = Calibration(
            self.hardware.config,
            boards,
            dict(zip(description.joint_names, limits)),
            dict(zip(description.joint_names, self.hardware.parked.tolist())),
            script,
            sleep=self.sleep,
        )
        return calibration.run(joints), script

    def sleep(self, seconds: float) -> None:
        self.time.pass_(seconds)
        self.powered.add(frozenset((name, pin) for name, mega in self.megas.items() for pin in mega.pulses()))


def test_two_angles_and_two_ends_make_a_calibration() -> None:
    bench = Bench()
    # The joint stands at -30 degrees at 900 us and at -75 degrees at 1400 us: 1.0776 servo degrees per degree, backwards.
    config, _ = bench.run([ELBOW], "", "900", "at -30", "+500", "at -75", "1440", "max", "700", "min", "show", "done")
    elbow = config.servos[ELBOW]
    assert (elbow.direction, elbow.gain) == (-1, pytest.approx(500 / 1856 * 180 / 45, abs=1e-3))
    assert elbow.limits == (pytest.approx(15.13, abs=0.01), pytest.approx(86.90, abs=0.01))
    assert config.servos["r_wrist_roll_joint"] == bench.hardware.config.servos["r_wrist_roll_joint"]
    servo_degrees = elbow.zero + elbow.direction * elbow.gain * -30.0
    assert 544 + 1856 * servo_degrees / 180 == pytest.approx(900, abs=0.5)


def test_servos_move_slowly_and_one_at_a_time() -> None:
    bench = Bench()
    seen: list[int] = []
    elbow = bench.hardware.config.servos[ELBOW]
    slept = bench.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        seen.extend(us for pin, us in bench.megas["right"].pulses().items() if pin == elbow.pin)

    bench.sleep = sleep  # type: ignore[method-assign]
    bench.run([ELBOW, "r_wrist_roll_joint"], "", "1000", "min", "done", "", "1000", "min", "done")
    assert max(abs(b - a) for a, b in zip(seen, seen[1:])) <= 2  # us in 20 ms
    assert max(len(pins) for pins in bench.powered) == 1
    for joint in (ELBOW, "r_wrist_roll_joint"):
        servo = next(s for s in bench.hardware.servos if s.joint == joint)
        rest = bench.hardware.parked[bench.hardware.description.joint_names.index(joint)]
        assert bench.megas["right"].seen[servo.config.pin].first == [servo.pulse(rest)]
    assert not bench.megas["right"].pulses()


def test_what_makes_no_sense_is_said_and_asked_again() -> None:
    config, script = Bench().run(
        [ELBOW], "", "nonsense", "300", "900", "at -30", "at -75", "done", "+500", "at -75", "done"
    )
    said = "\n".join(script.said)
    assert "300 us is not a pulse of a servo" in said and "not yet: two angles of the joint have the same pulse" in said
    assert config.servos[ELBOW].direction == -1


def test_skip_and_quit_leave_servos_as_they_were() -> None:
    bench = Bench()
    config, _ = bench.run([ELBOW, "r_wrist_roll_joint", "r_thumb_joint"], "skip", "", "at -90", "skip", "", "quit")
    assert config == bench.hardware.config


def test_more_angles_make_a_table() -> None:
    found = Findings(points={math.radians(q): us for q, us in ((-80, 1300.0), (-50, 1000.0), (-20, 600.0))})
    config = calibrated(ServoConfig(board="right", pin=8), found)
    assert [round(math.degrees(q)) for q, _ in config.table] == [-80, -50, -20]
    with pytest.raises(ConfigError, match="only rise or only fall"):
        calibrated(ServoConfig(board="right", pin=8), Findings(points={-1.0: 900.0, 0.0: 1000.0, 1.0: 950.0}))


def test_one_angle_is_not_dropped_where_there_is_a_table() -> None:
    config = ServoConfig(board="right", pin=8, table=((-1.0, 80.0), (-0.5, 40.0), (0.0, 10.0)))
    with pytest.raises(ConfigError, match="one angle does not change the table of this servo; enter at least two"):
        calibrated(config, Findings(points={-0.5: 1000.0}))
    assert calibrated(config, Findings(least=600.0)).table == config.table


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    config = load_hardware().config
    path = tmp_path / "deep" / "mine.yaml"
    write_hardware(config, path)
    assert read_hardware(path) == config
    assert hardware_text(read_hardware(path)) == path.read_text()
    assert load_hardware("inmoov", str(path)).config == config


class Commanded:
    """`rl_trainer calibrate` with answers, on mock boards."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.output, self.script = folder / "mine.yaml", Script([])
        monkeypatch.setattr("robot_driver_ros.board_kinds.MOCK_BOOT_S", 0.0)
        monkeypatch.setattr("robot_driver_ros.calibration.calibrate.SPEED_US_PER_S", 1e5)

    def run(self, joint: str, *answers: str, hardware: str = "") -> str:
        """The last line of output."""
        self.script = Script(answers)
        groups, output = (), str(self.output)
        assert calibrate_robot("inmoov", groups, (joint,), hardware, output, "mock", (), self.script) == 0
        return self.script.said[-1]

    def heard(self, text: str) -> bool:
        return any(text in line for line in self.script.said)


WRIST = "r_wrist_roll_joint"


def test_one_joint_after_the_other_is_calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commanded, shipped = Commanded(tmp_path, monkeypatch), load_hardware().config
    assert "nothing was calibrated" in commanded.run(ELBOW, "skip") and not commanded.output.exists()
    said = commanded.run(ELBOW, "", "900", "at -30", "1400", "at -75", "done")
    assert said.startswith(f"{ELBOW} written to {commanded.output}")
    elbow = read_hardware(commanded.output).servos[ELBOW]
    assert elbow.gain == pytest.approx(1.0776)
    commanded.run(WRIST, "", "1000", "at -130", "1500", "at -90", "done")
    written = read_hardware(commanded.output)
    assert written.servos[ELBOW] == elbow
    assert written.servos[WRIST].gain == pytest.approx(1.2123)
    assert {joint for joint, servo in written.servos.items() if servo != shipped.servos[joint]} == {ELBOW, WRIST}
    before = commanded.output.read_text()
    assert "nothing was calibrated, so" in commanded.run(WRIST, "", "1000")
    assert commanded.output.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_an_input_that_ends_with_nothing_calibrated_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Commanded(tmp_path, monkeypatch)  # boards that start at once
    output = tmp_path / "mine.yaml"
    for answers, code, last in (
        ("", 1, f"nothing was calibrated, so {output} is not written"),
        ("\n1000\nat -30\n", 1, f"nothing was calibrated, so {output} is not written"),
        ("quit\n", 0, f"nothing was calibrated, so {output} is not written"),
        ("\n900\nat -30\n1400\nat -75\ndone\n", 0, f"{ELBOW} written to {output}"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        assert calibrate_robot("inmoov", (), (ELBOW, WRIST), "", str(output), "mock", ()) == code, answers
        told = capsys.readouterr().out.splitlines()
        assert told[-1].startswith(last), answers
        assert ("the input has ended" in told) == (answers != "quit\n")


def test_what_a_person_wrote_is_kept_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commanded = Commanded(tmp_path, monkeypatch)
    for k, name in enumerate(("mine.yaml.before", "mine.yaml.before1")):
        own = f"# number {k}\n{hardware_file('inmoov').read_text()}"
        commanded.output.write_text(own)
        assert name in commanded.run(ELBOW, "", "900", "at -30", "1400", "at -75", "done")
        assert (tmp_path / name).read_text() == own


def test_the_calibration_of_the_other_arm_at_the_same_time_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commanded = Commanded(tmp_path, monkeypatch)
    other = load_hardware().config
    other = dataclasses.replace(other, idle_timeout_s=7.0)

    class Meanwhile(Script):
        def ask(self, prompt: str) -> str:
            if self.answers == ["done"]:
                write_hardware(other, commanded.output)
            return super().ask(prompt)

    script = Meanwhile(["", "900", "at -30", "1400", "at -75", "done"])
    calibrate_robot("inmoov", (), (ELBOW,), "", str(commanded.output), "mock", (), script)
    backup = tmp_path / "mine.yaml.before"
    assert read_hardware(backup) == other
    assert f"(the file that was written meanwhile is now {backup})" in script.said[-1]


def test_only_an_opened_board_loses_the_record_of_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a driver that is killed later would start at rest, and its joints would jump."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Commanded(tmp_path, monkeypatch)
    ports = ("left=/dev/a", "right=/dev/b")
    left = Left({"/dev/a": {8: 900}, "/dev/b": {8: 900}})
    Memory(left.pulses).keep(left)

    def busy(port: str) -> Link:
        raise BoardRefused(f"cannot open {port}: another program has it open")

    arguments = ("inmoov", ("all",), (ELBOW,), "", str(tmp_path / "mine.yaml"), "serial", ports)
    monkeypatch.setattr("robot_driver_ros.board_kinds.SerialLink", busy)
    with pytest.raises(BoardRefused):
        calibrate_robot(*arguments, Script([""]))
    assert Memory(left.pulses).recall() == left
    mega, recalled = MockMega(time.monotonic, boot_s=0.0), []
    monkeypatch.setattr("robot_driver_ros.board_kinds.SerialLink", lambda port: mega.connect())

    class Watching(Script):
        def ask(self, prompt: str) -> str:
            if mega.pulses():
                recalled.append(Memory(left.pulses).recall())  # also if calibrate is killed from now on
            return super().ask(prompt)

    calibrate_robot(*arguments, Watching(["", "900", "quit"]))
    assert recalled[0] == Left({"/dev/a": {8: 900}, "/dev/b": {}})


def test_each_servo_is_written_when_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a kill loses only the current one. On a full disk the text is printed."""
    commanded, there = Commanded(tmp_path, monkeypatch), []
    answers = ("", "900", "at -30", "1400", "at -75", "done", "", "900", "at -80", "1400", "at -40", "done")
    script = commanded.script = Script(answers)
    monkeypatch.setattr(
        script, "ask", lambda prompt: (there.append(commanded.output.exists()), Script.ask(script, prompt))[1]
    )
    joints = (ELBOW, WRIST)
    assert calibrate_robot("inmoov", (), joints, "", str(commanded.output), "mock", (), script) == 0
    assert there.index(True) == 6 and f"{WRIST}, {ELBOW} written to {commanded.output};" in script.said[-1]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("robot_driver_ros.calibration.calibrate.write_hardware", full)
    with pytest.raises(ConfigError, match="other.yaml cannot be written .No space left.* is printed above"):
        calibrate_robot("inmoov", (), joints, "", str(tmp_path / "other.yaml"), "mock", (), script := Script(answers))
    assert any("servos:" in text and ELBOW in text for text in script.said)
    assert script.said[-1].startswith("nothing was calibrated")


def test_an_output_that_cannot_be_written_is_refused_before_the_dialogue(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    script = Script(())
    with pytest.raises(ConfigError, match="output is .*, but .*file is not a folder; give another path"):
        calibrate_robot("inmoov", (), (ELBOW,), "", str(tmp_path / "file" / "mine.yaml"), "mock", (), script)
    assert script.said == []


def test_another_file_to_begin_with_does_not_wipe_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commanded = Commanded(tmp_path, monkeypatch)
    write_hardware(load_hardware().config, commanded.output)
    with pytest.raises(ConfigError, match="its calibration would be lost: leave hardware out to start from it"):
        commanded.run(ELBOW, hardware=str(hardware_file("inmoov")))


def test_what_a_driver_would_refuse_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with which the servo does not reach its rest; radians instead of degrees; both undone."""
    commanded = Commanded(tmp_path, monkeypatch)
    table = ("900", "at -60", "1000", "at -65", "1100", "at -70", "800", "min", "1100", "max", "done")
    commanded.run(ELBOW, "", *table, "skip")
    assert commanded.heard(f"not yet: a driver would refuse this: rest of {ELBOW} is -0.400 rad")
    assert not commanded.output.exists()
    commanded.run(ELBOW, "", "900", "at -0.5", "1400", "at -1.3", "done", "skip")
    assert commanded.heard("the robot file has -80 to -15 degrees")
    assert commanded.heard("servo would turn 60.6 degrees for each degree of the joint; are the angles in degrees?")
    commanded.run(ELBOW, "", "900", "at -30", "1400", "at -1", "undo", "at -75", "show", "done")
    assert commanded.heard(f"noted: {ELBOW} at -75 degrees (-1.309 rad) is 1400 us")
    assert commanded.heard("kept: zero 2.2, direction -1, gain 1.0776, limits 0 to 90 servo degrees")
    load_hardware("inmoov", str(commanded.output))
    commanded.run(ELBOW, "", "done", "skip")
    assert commanded.heard("not yet: this servo has no values yet")


def test_a_board_that_is_lost_costs_only_the_servo_at_hand(tmp_path: Path) -> None:
    bench, output = Bench(), tmp_path / "mine.yaml"
    boards = {name: FirmataBoard(name, mega.connect, bench.time) for name, mega in bench.megas.items()}

    class Clumsy(Script):
        def ask(self, prompt: str) -> str:
            if not self.answers:
                bench.megas["right"].unplug()
                return "1000"
            return super().ask(prompt)

    names = bench.hardware.description.joint_names
    limits = dict.fromkeys(names, (-3.0, 3.0))
    script = Clumsy(["", "900", "at -30", "done", ""])
    with pytest.raises(LinkLost, match="unplugged"):
        calibrate(
            bench.hardware.config,
            boards,
            limits,
            dict(zip(names, bench.hardware.parked.tolist())),
            [ELBOW, "r_wrist_roll_joint"],
            output,
            script,
            bench.sleep,
        )
    written = read_hardware(output)
    assert written.servos[ELBOW].zero != bench.hardware.config.servos[ELBOW].zero
    assert written.servos["r_wrist_roll_joint"] == bench.hardware.config.servos["r_wrist_roll_joint"]


@pytest.mark.bad_input
def test_a_joint_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown joint 'r_elbow' \(did you mean r_elbow_flex_joint\?\)"):
        calibrate(
            whole_robot().config, {}, {ELBOW: (-1.0, 0.0)}, {ELBOW: -0.4}, ["r_elbow"], tmp_path / "x", Script([])
        )


def test_ports_are_shown_with_a_name_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device, links = tmp_path / "ttyACM0", tmp_path / "by-id"
    device.touch()
    links.mkdir()
    (links / "usb-Arduino_Mega").symlink_to(device)
    monkeypatch.setattr(find_port, "BY_ID", links)
    assert find_port.stable_name(str(device)) == str(links / "usb-Arduino_Mega")
    port = SimpleNamespace(device=str(device), vid=0x2341, description="Arduino Mega 2560")
    assert "Arduino: Arduino Mega 2560" in find_port.describe(port, "")
    assert "not an Arduino" in find_port.describe(SimpleNamespace(device="x", vid=None, description="modem"), "")
