"""A running training: metrics compared with hand calculations; pause, save and stop, in process and over ROS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from node_process import NodeProcess

from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.callbacks.control import Control
from rl_trainer_ros.training.callbacks.metrics import PAUSED, UPDATING, FiguresCallback
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig

pytestmark = pytest.mark.slow

SMALL = "{n_steps: 200, batch_size: 100, n_epochs: 2}"


def config_in(folder: Path) -> TrainerConfig:
    return TrainerConfig(transport="in_process", log_dir=str(folder), num_timesteps=400, hyperparameters=SMALL)


def test_a_pause_holds_between_two_steps_and_changes_no_bit(tmp_path: Path) -> None:
    control = Control()
    config = config_in(tmp_path)
    figures = FiguresCallback(control, 100, 400, False, lambda: control.stopped)
    steps: list[int] = []
    seen: list[str] = []

    def run(callbacks: Any) -> Any:
        return TrainingRun(config, lambda _: make_environment(config)).run(
            report=lambda line: None, callbacks=callbacks
        )

    class PauseAt(FiguresCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 150:
                control.pause(True)
            return super()._on_step()

        def _pause(self) -> None:
            steps.append(self.num_timesteps)
            threading.Timer(0.05, self._go_on).start()
            super()._pause()
            steps.append(self.num_timesteps)

        def _go_on(self) -> None:
            seen.append(self.figures.state)
            control.pause(False)

    pausing = PauseAt(control, 100, 400, False, lambda: control.stopped)
    paused, alone = run([pausing]), run([figures])
    assert steps == [150, 150] and seen == [PAUSED]
    assert pausing.figures.steps == 400
    one, other = (
        trained_models.load(result.folder / "final").algorithm.policy.state_dict() for result in (paused, alone)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_stop_ends_a_pause() -> None:
    control = Control()
    control.pause(True)
    threading.Timer(0.05, control.stop).start()
    control.hold(lambda: False)
    assert control.stopped and not control.paused
    assert [control.take_save(), control.save(), control.take_save(), control.take_save()] == [False, None, True, False]


@pytest.mark.realtime
def test_in_real_time_a_pause_waits_for_the_end_of_an_episode() -> None:
    control = Control()
    control.pause(True)
    held: list[int] = []
    callback = FiguresCallback(control, 10, 100, True, lambda: False)
    callback._pause = lambda: held.append(callback.num_timesteps)  # type: ignore[method-assign]
    for step, done in enumerate((False, False, True)):
        callback.num_timesteps = step
        callback.locals = {"infos": [{}], "dones": np.array([done])}
        callback._on_step()
    assert held == [2]


def test_figures_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rollouts of two steps of 10 ms, an update of 1 s between them, and an unfinished one."""
    moments = {"now": 0.0}
    monkeypatch.setattr(
        "rl_trainer_ros.training.callbacks.metrics.time", SimpleNamespace(monotonic=lambda: moments["now"])
    )
    callback = FiguresCallback(Control(), 2, 8, True, lambda: False)
    callback.model = SimpleNamespace(logger=SimpleNamespace(record=lambda *_: None))  # type: ignore[assignment]
    callback._on_training_start()
    for rollout in range(2):
        callback._on_rollout_start()
        for _ in range(2):
            moments["now"] += 0.010
            callback.num_timesteps += 1
            episode = {"episode": {"r": float(callback.num_timesteps)}, "is_success": rollout == 1, "distance": 0.5}
            callback.locals = {"infos": [episode | {"timing": {"overruns": 3}}], "dones": np.array([True])}
            callback._on_step()
        callback._on_rollout_end()
        moments["now"] += 1.0
    figures = callback.figures
    assert (figures.state, figures.steps, figures.total_steps, figures.episodes) == (UPDATING, 4, 8, 4)
    assert (figures.episode_return, figures.last_return, figures.success_rate) == (3.5, 4.0, 1.0)  # of the last two
    assert figures.final_distance == 0.5 and figures.overruns == 3
    assert figures.step_ms == pytest.approx(10.0) and figures.update_s == pytest.approx(1.0)
    assert figures.update_share == pytest.approx(1.0 / 1.04)
    assert np.isnan(figures.steps_per_second)
    moments["now"] += 2.0
    callback.num_timesteps += 6
    assert callback.figures.steps_per_second == pytest.approx(3.0)


class Watcher:
    """A node that receives the trainer's topics and calls its services."""

    def __init__(self, runtime: Any, trainer: NodeProcess):
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.executors import SingleThreadedExecutor
        from std_msgs.msg import Float64

        self._trainer, self._node = trainer, runtime.node("watcher")
        self._executor = SingleThreadedExecutor(context=runtime.context)
        self._executor.add_node(self._node)
        self.steps: list[float] = []
        self.states: list[str] = []
        self._node.create_subscription(Float64, "/trainer/steps", lambda m: self.steps.append(m.data), 10)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 10)

    def _note(self, message: Any) -> None:
        self.states.extend(status.message for status in message.status if status.name == "trainer: training")

    def until(self, condition: Callable[[], bool]) -> None:
        """Handle messages until a condition holds."""
        for _ in range(600):
            if condition():
                return
            self._executor.spin_once(timeout_sec=0.1)
        pytest.fail(f"not within 60 s; {self.steps=}, {self.states=}, {self._trainer.lines}")

    def call(self, name: str, data: bool | None = None) -> str:
        """Call a service of the trainer; return its message."""
        from std_srvs.srv import SetBool, Trigger

        kind = Trigger if data is None else SetBool
        client = self._node.create_client(kind, f"/trainer/{name}")
        self.until(client.service_is_ready)
        future = client.call_async(Trigger.Request() if data is None else SetBool.Request(data=data))
        self.until(future.done)
        assert future.result().success
        return future.result().message

    def close(self) -> None:
        """Destroy the node."""
        self._executor.shutdown()
        self._node.destroy_node()


@pytest.fixture
def watch(start: Callable[..., NodeProcess], domain: int, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start a trainer with these settings; return it and its watcher."""
    from robot_interface_ros.ros.transport.runtime import Runtime

    with Runtime(domain_id=domain, signals=False) as runtime:
        watchers: list[Watcher] = []

        def started(**settings: Any) -> tuple[NodeProcess, Watcher]:
            trainer = start(
                "rl_trainer_ros.ros.trainer_node", transport="in_process", log_dir=str(tmp_path), **settings
            )
            watchers.append(Watcher(runtime, trainer))
            return trainer, watchers[0]

        yield started
        for watcher in watchers:
            watcher.close()


@pytest.mark.ros
def test_services_answer_while_the_policy_is_updated(watch: Callable[..., Any]) -> None:
    """One rollout, then an update that takes longer than the test, so only another thread can answer."""
    _, watcher = watch(hyperparameters="'{n_steps: 600, batch_size: 4, n_epochs: 100000}'", best_window=2)
    updating = "updating, 600 of 150,000 steps"
    watcher.until(lambda: updating in watcher.states)
    watcher.until(lambda: watcher.steps[-1:] == [600.0])
    assert "pauses after this step" in watcher.call("pause", True)
    assert watcher.call("pause", False) == "continues"
    assert "saves" in watcher.call("save")
    assert watcher.states[-1] == updating


@pytest.mark.ros
def test_over_services_a_training_is_paused_saved_and_stopped(watch: Callable[..., Any], tmp_path: Path) -> None:
    trainer, watcher = watch(hyperparameters=f"'{SMALL}'", num_timesteps=10_000_000)
    watcher.call("pause", True)
    states = watcher.states
    watcher.until(lambda: len(states) > 2 and states[-1].startswith(PAUSED) and states[-1] == states[-2])
    watcher.call("save")
    watcher.call("pause", False)
    trainer.wait_for("as requested")
    watcher.call("pause", True)
    watcher.call("stop")
    assert trainer.wait() == 0
    assert any(line.startswith("stopped after") for line in trainer.lines)
    assert next(tmp_path.glob("**/final")).exists()
