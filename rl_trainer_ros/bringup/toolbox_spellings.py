"""The S-RL Toolbox's spellings, and the line that does the same here: an old habit is answered with its successor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    "r": "task:=reach, which draws its target",
    "random_target": "task:=reach, which draws its target",
    "env": "task:=... robot:=...",
    "episode_window": "best_window:=100",
    "hyperparam": "hyperparameters.NAME:=VALUE",
    "latest": "resume:=latest or load_model:=latest; an encoder is named by srl_folder:=...",
    "load_rl_model_path": "load_model:=latest, or the path of a run",
    "lr_schedule": "hyperparameters.learning_rate_schedule:=linear",
    "min_episodes_save": "best_min_episodes:=20",
    "new_lr": "hyperparameters.learning_rate:=1e-5",
    "no_vis": "nothing; live plots are read with rl_trainer curves or TensorBoard",
    "port": "nothing; live plots are read with rl_trainer curves or TensorBoard",
    "num_cpu": "num_envs:=4",
    "num_stack": "frame_stack:=4",
    "shape_reward": "task.reward:=distance",
    "srl_config_file": "srl_folder:=..., the encoder's folder",
    "sc": "task:=simple",
    "cc": "task:=circular",
    "sqc": "task:=square",
    "ec": "task:=eight",
    "chc": "task:=chasing",
    "esc": "task:=escape",
}
"""Setting, with _ for - -> what is written here."""

VALUES: Mapping[tuple[str, str], str] = {
    ("env", "InmoovGymEnv-v0"): "task:=point_to_point robot:=inmoov",
    ("env", "InmoovOneArmButtonGymEnv-v0"): "task:=button robot:=inmoov",
    ("env", "KukaButtonGymEnv-v0"): "task:=button robot:=kuka_iiwa",
    ("env", "KukaRandButtonGymEnv-v0"): "task:=distractors robot:=kuka_iiwa",
    ("env", "Kuka2ButtonGymEnv-v0"): "task:=two_buttons robot:=kuka_iiwa",
    ("env", "KukaMovingButtonGymEnv-v0"): "task:=moving_button robot:=kuka_iiwa",
    ("env", "OmnirobotEnv-v0"): "task:=simple robot:=inmoov",
    ("srl_model", "raw_pixels"): "observation:=raw_pixels",
    ("srl_model", "joints"): "observation:=joints",
    ("srl_model", "joints_position"): "observation:=joints_position",
}
"""Setting and its value -> what is written here."""


def command(name: str) -> str:
    """Return one line that names the successor of a toolbox command; empty where there is none."""
    found = COMMANDS.get(name.removesuffix(".py").replace("-", "_").rpartition(".")[2])
    return f"the S-RL Toolbox's {name} is here: {found}" if found else ""


def setting(name: str, value: str = "", known: Sequence[str] = ()) -> str:
    """Return one line that names the successor of a toolbox setting or value; empty where there is none.

    `name`: as it was typed, perhaps with leading hyphens. `known`: our settings, which are meant where they have the name.
    """
    bare = name.lstrip("-").replace("-", "_")
    found = VALUES.get((bare, value)) or (SETTINGS.get(bare) if bare not in known or name.startswith("-") else None)
    typed = f"{name}:={value}" if value else name
    return f"the S-RL Toolbox's {typed} is written here as {found}" if found else ""
