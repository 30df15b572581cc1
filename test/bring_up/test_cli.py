"""The command line: words to settings, what it imports, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest

from rl_trainer_ros.bringup import supervisor, toolbox_spellings
from rl_trainer_ros.bringup.launch_arguments import arguments, part_of, resolve_values
from rl_trainer_ros.bringup.setting_texts import from_words, parse_words, value_of
from rl_trainer_ros.cli import main
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands import load
from rl_trainer_ros.cli.commands.evaluate import EvaluateError, EvaluateOptions, measure
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.training import early_checks
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.errors import RobotTimeout, StopRequested

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Options:
    rate: float = option(1.0, "a rate")
    count: int = option(1, "a count")
    flag: bool = option(False, "a flag")
    text: str = option("", "a text")
    texts: tuple[str, ...] = option((), "texts")
    maybe: float | None = option(None, "perhaps a rate")


def test_words_become_values_of_their_types() -> None:
    words = ["rate:=1e-3", "count:=010", "flag:=true", "text:=1e-3", "texts:=[/a, /b]", "maybe:=2"]
    assert from_words(Options, words, "here") == Options(0.001, 10, True, "1e-3", ("/a", "/b"), 2.0)
    assert resolve_values({"control_hz": "2e1", "log_interval_s": "5e-1"}).trainer.log_interval_s == 0.5  # the same


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "word, named",
    [
        ("rate:=fast", "here: rate is 'fast'; expected a number"),
        ("count:=1.5", "here: count is '1.5'; expected a whole number"),
        ("flag:=2", "here: flag is 2; expected true or false"),
        ("texts:=[/a", "here: texts is '[/a'; expected a list"),
        ("cuont:=1", "unknown setting 'cuont' (did you mean count?)"),
        ("count=1", "cannot read 'count=1'; write settings as name:=value, such as count:=1,"),
        ("--num-robots", "such as num_robots:=...,"),
        ("--log-dir=/x", "such as log_dir:=/x,"),
        ("3", "cannot read '3'; write settings as name:=value, such as seed:=1,"),
        ("__ns:=/left", "write it at the end: --ros-args -r __ns:=/left"),
        ("texts:=/caf\udce9", r"'texts:=/caf\udce9' is not UTF-8; rename the file or folder"),
    ],
)
def test_a_word_that_does_not_fit_is_named(word: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_words(Options, [word], "here")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_beyond_the_word_stays_text() -> None:
    assert value_of(int, "many") == "many" and value_of(int, "1.5") == "1.5"
    assert [value_of(int | None, text) for text in ("1e5", "1.5e5", "7")] == [100_000, 150_000, 7]
    assert value_of(float | None, "none") == "none"
    for text in ("a,b", "[a, b]", "a, b"):
        assert list(value_of(tuple[str, ...], text)) == ["a", "b"]
    assert list(value_of(tuple[str, ...], "a")) == ["a"]


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["evaluate", "--help"], ["train", "sede:=1"]])
def test_help_and_bring_up_do_not_wait_for_the_learner(words: list[str]) -> None:
    code = (
        "import sys; from rl_trainer_ros.cli import main as cli; cli.main(); "
        "print('torch' in sys.modules, 'pybullet' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize(
    "raised, code, lines",
    [
        (StopRequested(), 130, 0),
        (KeyboardInterrupt(), 130, 0),
        (EvaluateError("too many cut"), 2, 1),
        (RobotTimeout("nobody there"), 2, 1),
    ],
)
def test_how_a_command_ends(
    raised: BaseException,
    code: int,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(options: EvaluateOptions) -> int:
        raise raised

    monkeypatch.setattr(main, "load", lambda name: Command(name, "", command, EvaluateOptions))
    monkeypatch.setattr(sys, "argv", ["rl_trainer", "evaluate"])
    assert main.main() == code
    said = capsys.readouterr().err.splitlines()
    assert said == [f"rl_trainer: {raised}"] * lines


class AlwaysCut(gymnasium.Env[Any, Any]):
    """A robot that is reset by another in each episode."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    task, config = SimpleNamespace(max_episode_steps=10), EnvConfig()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        info = {"is_success": False, "distance": 1.0, "interrupted": "it was reset"}
        return np.zeros(1, np.float32), 0.0, False, True, info


def test_an_evaluation_whose_episodes_are_all_cut_ends_with_the_reason() -> None:
    environment: Any = AlwaysCut()
    with pytest.raises(EvaluateError, match="The last: it was reset"):
        measure(lambda observation, _: environment.action_space.sample(), environment, EvaluateOptions(episodes=3))


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_version_is_that_of_package_xml(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([word]) == 0
    version = re.search(r"<version>(.*)</version>", (ROOT / "package.xml").read_text(encoding="utf-8"))
    assert version and capsys.readouterr().out == f"rl_trainer_ros {version[1]}\n"


def test_help_of_robots_shows_only_what_changes_the_robots_that_are_served() -> None:
    shown = main.help_text("robots")
    assert all(f"  {name}:=" in shown for name in ("robot", "world", "namespaces", "hardware", "num_envs"))
    assert not any(f"  {name}:=" in shown for name in ("algo", "num_timesteps", "resume", "best_by", "rviz"))


def test_help_of_a_command_is_asked_for_in_either_order(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help", "curves"], ["--help", "curves"], ["curves", "--help"]):
        assert main.run(words) == 0
        assert capsys.readouterr().out.startswith("usage: rl_trainer curves")


@pytest.mark.bad_input
def test_what_no_training_can_have_is_found_early(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    world, broken = tmp_path / "world.yaml", tmp_path / "broken.yaml"
    world.write_text("objcts: []")
    broken.write_text("objects: [}")
    for setting, said in {
        f"log_dir:={file}/runs": f"{file} is not a folder",
        "imperfection:=midl": "did you mean mild?",
        f"world:={world}": f"{world}: unknown setting 'objcts' (did you mean objects?)",
        f"world:={broken}": f"{broken}, line 1",
        "robot:=my.urdf": "give the path of a .yaml file with urdf: my.urdf",
        "algo:=SAC": "did you mean sac?",
    }.items():
        with pytest.raises(ConfigError) as caught:
            early_checks.check(resolve_values(parse_words([setting])).trainer)
        assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "word, said",
    [
        ("world:={folder}/world.yaml", "unknown setting 'objcts' (did you mean objects?)"),
        ("world:={folder}/nothing.yaml", "unknown world"),
        ("imperfection:=midl", "did you mean mild?"),
        ("robot:={folder}/nothing.yaml", "no file"),
        ("robot:=nao", "unknown robot 'nao'"),
    ],
)
def test_robots_that_cannot_be_served_are_refused_before_a_process_starts(
    word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "world.yaml").write_text("objcts: []")
    monkeypatch.setattr(supervisor, "run", lambda system: pytest.fail("it was started"))
    with pytest.raises(ConfigError) as caught:
        main.run(["robots", word.format(folder=tmp_path)])
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "words, said",
    [
        (["video:=reach.avi"], "give the name of a .gif or .mp4 file"),
        (["namespace:=my-robot"], "write '/my_robot'"),
        (["robot:=nao"], "unknown robot 'nao'"),
    ],
)
def test_evaluate_refuses_before_it_loads_anything(words: list[str], said: str) -> None:
    with pytest.raises((ConfigError, EvaluateError), match=re.escape(said)):
        main.run(["evaluate", "run:=/no/such/run", *words])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "words, successor",
    [
        (["train", "env:=InmoovGymEnv-v0"], "task:=point_to_point robot:=inmoov"),
        (["train", "env:=SomethingElse-v0"], "task:=... robot:=..."),
        (["train", "srl_model:=vea"], "did you mean vae"),
        (["train", "num_cpu:=4"], "num_envs:=4"),
        (["train", "--num-stack", "4"], "frame_stack:=4"),
        (["train", "-c"], "action:=end_effector"),
        (["train", "algo:=ppo2"], "written here as algo:=ppo"),
        (
            ["train", "--perform-cross-evaluation-cc"],
            "cross_evaluate_every_steps:=20000 cross_evaluate_tasks:=circular,square",
        ),
        (
            ["train", "--env", "OmnirobotEnv-v0", "-esc", "--min-episodes-save=7"],
            "task:=escape robot:=inmoov best_min_episodes:=7",
        ),
        (["train", "--num-timesteps", "7"], "such as num_timesteps:=7,"),
        (["cross_evaluate", "--runs", "a", "b c", "--episodes", "5"], "such as runs:='a,b c',"),
        (["train", "env=InmoovGymEnv-v0"], "is written here as task:=point_to_point robot:=inmoov"),
        (["continual", "tasks:=cc,sqc"], "unknown task 'cc'; the S-RL Toolbox's cc is called here circular"),
        (["replay.pipeline"], "rl_trainer report"),
        (["rl_baselines.train", "--algo", "ppo2"], "rl_trainer train"),
        (["replay.compare_plots"], "rl_trainer curves"),
    ],
)
def test_a_spelling_of_the_toolbox_is_answered_with_its_successor(words: list[str], successor: str) -> None:
    with pytest.raises(ConfigError) as caught:
        main.run(words)
    assert successor in str(caught.value) and "\n" not in str(caught.value)


def test_a_whole_line_of_the_toolbox_is_answered_with_ours() -> None:
    theirs = (
        "train seed:=1 --algo ppo2 --env Kuka2ButtonGymEnv-v0 --srl-model raw_pixels --num-timesteps 1000 --num-cpu 4 "
        "--no-vis --hyperparam gamma:0.9 ent_coef:0.01 --new-lr 1e-5"
    )
    ours = (
        "written here as algo:=ppo task:=two_buttons robot:=kuka_iiwa srl_model:=raw_pixels num_timesteps:=1000 "
        "num_envs:=4 hyperparameters.gamma:=0.9 hyperparameters.ent_coef:=0.01 hyperparameters.learning_rate:=1e-5"
    )
    with pytest.raises(ConfigError) as caught:
        main.run(theirs.split())
    assert str(caught.value).endswith(ours)


@pytest.mark.parametrize(
    "words, ours",
    [
        ("algo:=distillation", "teachers:=RUN_OR_FOLDER"),
        ("epochs_distillation:=7", "epochs:=7"),
        (
            "--algo distillation -cc --teacher-data-folder a b --epochs-distillation 20 --distillation-training-set-size 900",
            "teachers:=a,b epochs:=20 set_size:=900",
        ),
    ],
)
def test_options_of_distillation_are_answered_with_its_command(words: str, ours: str) -> None:
    with pytest.raises(ConfigError) as caught:
        main.run(["train", *words.split()])
    assert str(caught.value).endswith(f"is here: rl_trainer distil {ours}")
    command = load("distil")
    assert command.options and set(parse_words(ours.split())) <= {field.name for field in fields(command.options)}


FLAGS = """--algo --env --seed --episode-window --log-dir --num-timesteps --srl-model --srl-config-file --latest --num-stack
--action-repeat --shape-reward -c -joints -r --num-cpu --policy --lr-schedule --hyperparam --min-episodes-save
--load-rl-model-path --new-lr --port --no-vis -sc -cc -sqc -ec -chc -esc --perform-cross-evaluation-cc --eval-episode-window
--teacher-data-folder --epochs-distillation --distillation-training-set-size"""
"""Of the training entry point of the S-RL Toolbox and its continual-learning fork."""


@pytest.mark.parametrize("flag", FLAGS.split())
def test_every_option_of_the_toolbox_is_answered_and_is_in_the_page(flag: str) -> None:
    with pytest.raises(ConfigError) as caught:
        main.run(["train", flag])
    assert ":=" in str(caught.value) and "\n" not in str(caught.value)
    page = (Path(__file__).parents[2] / "docs" / "coming_from_srl_toolbox.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.search(rf"`{flag}\b", line.partition("| ")[2].partition(" |")[0])]
    assert rows and not any("not there yet" in row for row in rows)


def test_every_successor_is_a_line_that_this_program_takes() -> None:
    for line in toolbox_spellings.COMMANDS.values():
        _, command, *words = line.split()
        options = load(command).options
        assert from_words(options, words, command) if options else not words
    known = {argument.name for argument in arguments()}
    for text in (*toolbox_spellings.SETTINGS.values(), *toolbox_spellings.VALUES.values()):
        assert all(name in known or part_of(name) for name in re.findall(r"([a-z_.]+):=", text.replace("NAME", "name")))
    for line in (
        *toolbox_spellings.VALUES.values(),
        "task.reward:=distance",
        "hyperparameters.learning_rate_schedule:=linear",
    ):
        early_checks.check(resolve_values(parse_words(line.split())).trainer)
