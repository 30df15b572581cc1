"""Commands and settings of the S-RL Toolbox, and their equivalents here, for error messages."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rl_trainer_ros.environments.env_config import TOOLBOX_TASKS

COMMANDS: Mapping[str, str] = {
    "train": "rl_trainer train",
    "train_baselines": "rl_trainer train",
    "enjoy": "rl_trainer evaluate run:=latest video:=reach.gif",
    "enjoy_baselines": "rl_trainer evaluate run:=latest video:=reach.gif",
    "replay": "rl_trainer evaluate run:=latest video:=reach.gif",
    "test": "rl_trainer evaluate run:=latest",
    "plot": "rl_trainer curves run:=latest",
    "plots": "rl_trainer curves run:=latest",
    "aggregate_plots": "rl_trainer curves run:=runs/reach",
    "compare_plots": "rl_trainer curves run:=runs/a,runs/b",
    "dataset_generator": "rl_trainer train_srl srl_model:=autoencoder",
    "record": "rl_trainer train_srl srl_model:=autoencoder",
    "pipeline": "rl_trainer report folder:=runs",
}
"""Command -> command line."""

SETTINGS: Mapping[str, str] = {
    "c": "action:=end_effector",
    "continuous_actions": "action:=end_effector",
    "joint_actions": "action:=joint_velocity",
    "joints": "action:=joint_velocity",
    "perform_cross_evaluation_cc": "cross_evaluate_every_steps:=20000 cross_evaluate_tasks:=circular,square",
    "eval_episode_window": "cross_evaluate_episodes:=10",
    "r": "task:=reach, which samples its target",
    "random_target": "task:=reach, which samples its target",
    "env": "task:=... robot:=...",
    "episode_window": "best_window:=100",
    "hyperparam": "hyperparameters.NAME:=VALUE",
    "latest": "resume:=latest or load_model:=latest; of encoders srl_model:=latest",
    "load_rl_model_path": "load_model:=latest, or the path of a run",
    "lr_schedule": "hyperparameters.learning_rate_schedule:=linear",
    "min_episodes_save": "best_min_episodes:=20",
    "new_lr": "hyperparameters.learning_rate:=1e-5",
    "no_vis": "nothing; live plots are read with rl_trainer curves or TensorBoard",
    "port": "nothing; live plots are read with rl_trainer curves or TensorBoard",
    "num_cpu": "num_envs:=4",
    "num_stack": "frame_stack:=4",
    "shape_reward": "task.reward:=distance",
    "srl_config_file": "srl_models:=FILE, robot -> task -> name -> folder",
    **{short: f"task:={task}" for short, task in TOOLBOX_TASKS.items()},
}
"""Setting, with _ instead of - -> its equivalent here."""

VALUES: Mapping[tuple[str, str], str] = {
    ("env", "InmoovGymEnv-v0"): "task:=point_to_point robot:=inmoov",
    ("env", "InmoovOneArmButtonGymEnv-v0"): "task:=button robot:=inmoov",
    ("env", "KukaButtonGymEnv-v0"): "task:=button robot:=kuka_iiwa",
    ("env", "KukaRandButtonGymEnv-v0"): "task:=distractors robot:=kuka_iiwa",
    ("env", "Kuka2ButtonGymEnv-v0"): "task:=two_buttons robot:=kuka_iiwa",
    ("env", "KukaMovingButtonGymEnv-v0"): "task:=moving_button robot:=kuka_iiwa",
    ("env", "OmnirobotEnv-v0"): "task:=simple robot:=inmoov",
    ("algo", "ppo2"): "algo:=ppo",
    ("algo", "ppo1"): "algo:=ppo num_envs:=4",
    ("algo", "deepq"): "algo:=dqn action:=joint_discrete",
    ("algo", "cma-es"): "algo:=cma_es",
    ("algo", "random_agent"): "algo:=random",
    ("policy", "feedforward"): "policy:=mlp",
    ("policy", "recurrent"): "algo:=recurrent_ppo",
    ("policy", "lstm"): "algo:=recurrent_ppo",
    ("policy", "lnlstm"): "algo:=recurrent_ppo",
}
"""Setting and its value -> the equivalent here."""

DISTIL: Mapping[str, str] = {
    "teacher_data_folder": "teachers:=RUN_OR_FOLDER",
    "epochs_distillation": "epochs:=30",
    "distillation_training_set_size": "set_size:=20000",
}
"""Setting -> setting of `rl_trainer distil`."""
_DISTILLATION = ("algo", "distillation")

SAME = ("algo", "action_repeat", "log_dir", "num_timesteps", "policy", "seed", "srl_model")
"""Settings of the same name."""
_WITH_VALUE = (
    *("episode_window", "load_rl_model_path", "lr_schedule", "min_episodes_save", "new_lr", "num_cpu", "num_stack"),
    "eval_episode_window",
)
"""Settings whose value stays, under the other name."""
_HYPERPARAM, _GONE = "hyperparam", ("latest", "no_vis", "port")


def command(name: str) -> str:
    """Return a line with the equivalent of a toolbox command; empty if there is none."""
    found = COMMANDS.get(name.removesuffix(".py").replace("-", "_").rpartition(".")[2])
    return f"the S-RL Toolbox's {name} is called here: {found}" if found else ""


def setting(name: str, value: str = "", known: Sequence[str] = ()) -> str:
    """Return a line with the equivalent of a toolbox setting or value; empty if there is none.

    `name`: as typed, perhaps with leading hyphens. `known`: settings of this package, which take precedence.
    """
    bare = name.lstrip("-").replace("-", "_")
    if bare in DISTIL or (bare, value) == _DISTILLATION:
        return options([f"--{bare}", *([value] if value else [])])
    found = VALUES.get((bare, value)) or (SETTINGS.get(bare) if bare not in known or name.startswith("-") else None)
    typed = f"{name}:={value}" if value else name
    return f"the S-RL Toolbox's {typed} is written here as {found}" if found else ""


def options(words: Sequence[str]) -> str:
    """Return one line that names the settings for a whole line of toolbox options, such as `--algo ppo2 --num-cpu 4 -c`.

    Empty where one of them is none of the toolbox, where all are called the same here, or where no setting is left.
    """
    rest, found, distil, own = list(words), {}, {}, True  # type: list[str], dict[str, str], dict[str, str], bool
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("-"):
            return ""
        values = [value] if equals else []
        while rest and not rest[0].startswith("-"):
            values.append(rest.pop(0))
        name = name.lstrip("-").replace("-", "_")
        if name in DISTIL or (name, *values) == _DISTILLATION:
            setting_name, _, sample = DISTIL.get(name, DISTIL["teacher_data_folder"]).partition(":=")
            distil[setting_name] = ",".join(values) if values and name in DISTIL else distil.get(setting_name, sample)
            continue
        settings = _settings_of(name, values)
        if settings is None:
            return ""
        own = own and name in SAME and (name, *values) not in VALUES
        for one in settings:
            setting_name, _, setting_value = one.partition(":=")
            found[setting_name] = setting_value  # of --env and a task's own flag, such as -cc, the later one counts
    if distil:
        here = " ".join(f"{name}:={shlex.quote(value)}" for name, value in distil.items())
        return f"the S-RL Toolbox's {' '.join(words)} is here: rl_trainer distil {here}"
    if not found or own:
        return ""
    here = " ".join(f"{name}:={shlex.quote(value)}" for name, value in found.items())
    return f"the S-RL Toolbox's {' '.join(words)} is written here as {here}"


def _settings_of(name: str, values: Sequence[str]) -> list[str] | None:
    """The settings that an option with its values stands for; None where it is none of the toolbox."""
    if name == _HYPERPARAM:
        pairs = [value.partition(":") for value in values]
        return [f"hyperparameters.{key}:={value}" for key, _, value in pairs]
    if name in _GONE:
        return []
    value = values[0] if values else ""
    known = VALUES.get((name, value))
    if known:
        return known.split()
    if name in SAME:
        return [f"{name}:={value or '...'}"]
    if name not in SETTINGS:
        return None
    words = [word.rstrip(",;") for word in SETTINGS[name].split() if ":=" in word]
    if name in _WITH_VALUE and value:
        return [f"{words[0].partition(':=')[0]}:={value}"]
    return words
