"""Rewards of recordings that have none, as a task gives them: of `ros2 bag record` of the contract's topics, for example."""

from __future__ import annotations

import json

import numpy as np

from rl_trainer_ros.arm.arm import StepState
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.make_env import parts
from rl_trainer_ros.recording.record_config import changed
from robot_interface_ros.bags.episodes import Judge, Moments, NotJudgedError
from robot_interface_ros.robot import Array, Observation


def judge_of(config: EnvConfig) -> tuple[Judge, str]:
    """Return a function that judges the steps of an episode as the task of `config` does, and its name. Raises ConfigError.

    A state's joint target is not recorded by everybody, so tasks that reward by it see the measured position instead.
    """
    made = parts(config, None)
    names = made.description.joint_names

    def judge(moments: Moments) -> tuple[Array, Array]:
        index = {name: i for i, name in enumerate(moments.joint_names)}
        if lacking := [name for name in names if name not in index]:
            raise NotJudgedError(f"joint_states have no {', '.join(lacking[:4])}{', ...' if len(lacking) > 4 else ''}")
        if any(set(made.task.signals) - set(signals) for signals in moments.signals):
            raise NotJudgedError(
                f"world_state with {', '.join(sorted(made.task.signals))} is missing at some of their frames"
            )
        order = [index[name] for name in names]
        states = [_state(moments, i, order) for i in range(len(moments.stamps))]
        at = [StepState(state, made.arm.hand(state.position)) for state in states]
        made.task.start(at[0])
        rewards, terminated = [], []
        for before, after in moments.steps:
            outcome = made.task.step(at[before], at[after])
            rewards.append(float(outcome.reward))
            terminated.append(float(outcome.terminated))
        return np.array(rewards), np.array(terminated)

    return judge, json.dumps({"task": config.task, **changed(config)}, sort_keys=True, default=str)


def _state(moments: Moments, i: int, order: list[int]) -> Observation:
    position = moments.position[i, order]
    return Observation(
        stamp=moments.stamps[i],
        position=position,
        velocity=moments.velocity[i, order],
        effort=np.zeros(len(order)),
        target_position=moments.target[i],
        joint_target=position,
        signals=moments.signals[i],
    )
