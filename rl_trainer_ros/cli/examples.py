"""Command lines to begin with, as `--help` shows them."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "": (
        "rl_trainer train                                        # reach, PPO, over topics",
        "rl_trainer evaluate                                     # the newest run on 500 unseen targets",
        "rl_trainer curves run:=runs/reach                       # all runs below in one picture",
        "rl_trainer list what:=tasks settings:=true",
        'eval "$(rl_trainer completion)"                         # the tab key completes commands, settings and names',
    ),
    "train": (
        "rl_trainer train seed:=3 num_timesteps:=50000",
        "rl_trainer train algo:=sac task:=button task.contacts:=3 hyperparameters.gamma:=0.98",
        "rl_trainer train num_envs:=8 eval_every_steps:=20000",
        "rl_trainer train realtime:=true algo:=sac preset:=few_steps",
        "rl_trainer train robot_source:=emulated                 # on servos of emulated Arduinos; driver: of real ones",
    ),
    "robots": (
        "rl_trainer robots namespaces:='[/far_0]' remote:=true    # the trainer's: remote_namespaces:='[/far_0]' remote:=true",
    ),
    "evaluate": (
        "rl_trainer evaluate run:=latest hold:=true",
        "rl_trainer evaluate run:=runs/reach/ground_truth/ppo/2026-01-31_12-00-00 model:=best episodes:=1000",
    ),
    "curves": (
        "rl_trainer curves                                       # of the newest run, in its folder",
        "rl_trainer curves run:=runs/a,runs/b file:=ppo_and_sac.svg window:=50",
    ),
    "train_srl": ("rl_trainer train_srl srl_model:=autoencoder",),
    "calibrate": ("rl_trainer calibrate joints:='[r_elbow_flex_joint]'",),
    "move": ("rl_trainer move r_wrist_roll_joint:=-1.4 r_elbow_flex_joint:=-35deg",),
    "status": ("rl_trainer status                                       # of /env_0, simulated or physical",),
    "stop": ("rl_trainer stop namespace:=/env_0",),
    "enable": ("rl_trainer enable motion:=false                         # torque off, where the robot can",),
    "ros2_control": ("rl_trainer ros2_control control_hz:=50",),
    "list": ("rl_trainer list what:=algorithms",),
    "completion": (
        'eval "$(rl_trainer completion)"                         # for this shell',
        "echo 'eval \"$(rl_trainer completion)\"' >> ~/.bashrc    # for every bash; ~/.zshrc: rl_trainer completion shell:=zsh",
    ),
}


def lines(command: str = "") -> str:
    """The examples of a command, or of all where none is named; empty where there are none."""
    found = EXAMPLES.get(command, ())
    return "\n\nexamples:\n" + "\n".join(f"  {line}" for line in found) if found else ""
