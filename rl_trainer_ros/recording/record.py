"""Records robots that are simulated in process: one here, or several, each in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import Connection, make_environment
from rl_trainer_ros.recording.bag_sink import BagSink, KeepLast, RecordingError
from rl_trainer_ros.recording.episode_recorder import EpisodeRecorder, EpisodeSummary, Sink
from rl_trainer_ros.recording.policies import Policy, make_policy
from rl_trainer_ros.recording.record_config import TRAINED, RecordConfig
from rl_trainer_ros.recording.robot_messages import RobotMessages
from robot_interface_ros.bags.bag_writer import bag_name
from robot_interface_ros.bags.layout import Channel, Recorded
from robot_interface_ros.errors import ConfigError, RobotError

_LEAVE_S = 5.0


@dataclass(frozen=True)
class Job:
    """A recording whose settings are complete."""

    config: RecordConfig
    model: Path | None = None
    """Folder of the trained policy; None: the policy needs none."""


def job_of(config: RecordConfig) -> Job:
    """Return the complete settings; with `run`, those of its environment and policy. Raises ConfigError."""
    if not config.run:
        return Job(config)
    from rl_trainer_ros.recording.trained_policy import of_run

    return Job(*of_run(config))


def folder_of(config: RecordConfig) -> Path:
    """Return the folder of the new bag."""
    return Path(config.bag) if config.bag else Path(config.bag_dir) / bag_name(config.task, config.seed)


def policy_of(job: Job, environment: RobotEnv) -> Policy:
    """Return the policy of one robot."""
    config = job.config
    if job.model is None or config.policy != TRAINED:
        return make_policy(environment, config.policy, config.noise)
    from rl_trainer_ros.algorithms.learner import learner_space
    from rl_trainer_ros.environments.frame_stack import seen_space
    from rl_trainer_ros.recording.trained_policy import TrainedPolicy

    policy = TrainedPolicy(job.model, config.deterministic)
    if learner_space(seen_space(environment)) != policy.observation_space:
        raise ConfigError(
            f"{job.model} observes other numbers than these settings give; leave those of the run as they are"
        )
    return policy


def record_in_process(job: Job, sink: BagSink, stop: StopFlag) -> None:
    """Record until all episodes are in `sink`, or `stop` asks for the end."""
    if job.config.num_envs == 1:
        recorder, close = _recorder(job, job.config.robots[0])
        last = KeepLast(sink, job.config.keep_last_s, stop.dump_wanted()) if job.config.keep_last_s else None
        if last is not None:
            recorder.most_bytes = 0
        try:
            for episode in numbers(job.config):
                if stop() or recorder.play(episode, last or sink, stop) is None or enough(job.config, sink):
                    break
        finally:
            close()
            if last is not None:
                last.dump()
    else:
        _in_processes(job, sink, stop)


def enough(config: RecordConfig, sink: BagSink) -> bool:
    """Whether the recording is complete."""
    return (config.steps > 0 and sink.steps >= config.steps) or (0 < config.episodes <= sink.episodes)


def numbers(config: RecordConfig, first: int = 0, every: int = 1) -> Iterator[int]:
    """The numbers of the episodes of one robot; endless if the recording has no number of episodes."""
    episode = first
    while not config.episodes or config.steps or episode < config.episodes:
        yield episode
        episode += every


class StopFlag:
    """Ctrl-C and SIGTERM ask for the end, SIGUSR1 for the ring buffer; the third Ctrl-C ends the process at once."""

    def __init__(self) -> None:
        self.requested = False
        self._signals = self._dumps = 0

    def __call__(self) -> bool:
        return self.requested

    def dump_wanted(self) -> Callable[[], bool]:
        """Return a function that tells whether a ring buffer is to be written, once for each request: one for each robot."""
        taken = self._dumps

        def wanted() -> bool:
            nonlocal taken
            asked, taken = self._dumps > taken, self._dumps
            return asked

        return wanted

    @contextlib.contextmanager
    def handling(self, both: bool = True) -> Iterator[None]:
        """Handle the signals; `both`: also those that end the recording."""
        numbers_ = (signal.SIGINT, signal.SIGTERM) if both else ()
        before = {number: signal.signal(number, self._on_end) for number in numbers_}
        before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._on_dump)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_end(self, number: int, frame: Any) -> None:
        self.requested = True
        self._signals += 1
        if self._signals == 3:
            os._exit(128 + number)

    def _on_dump(self, number: int, frame: Any) -> None:
        self._dumps += 1


def _recorder(job: Job, namespace: str) -> tuple[EpisodeRecorder, Callable[[], None]]:
    """Return a recorder of one simulated robot, and the function that closes it."""
    config = job.config
    needed = requirements.simulation_settings(config.environment())
    simulation: dict[str, Any] = {"contact": config.contact, **config.images(needed)}
    environment = make_environment(config.environment(), Connection(simulation=simulation))
    try:
        source = RobotMessages(environment.robot, environment.arm.description, namespace)
        environment.robot = source
        policy = policy_of(job, environment)
    except BaseException:
        environment.close()
        raise
    return EpisodeRecorder(environment, source, policy, namespace, config.seed), environment.close


class _PipeSink:
    """A Sink in another process."""

    def __init__(self, pipe: Pipe):
        self._pipe = pipe

    def write(self, channels: list[Channel], messages: list[Recorded]) -> None:
        """See Sink."""
        self._pipe.send(("messages", channels, messages))

    def end(self, summary: EpisodeSummary) -> None:
        """See Sink."""
        self._pipe.send(("end", summary, None))


def _work(job: Job, number: int, pipe: Pipe) -> None:
    """One robot of several; ends when its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sink: Sink = _PipeSink(pipe)
    try:
        recorder, close = _recorder(job, job.config.robots[number])
        try:
            for episode in numbers(job.config, number, job.config.num_envs):
                recorder.play(episode, sink)
        finally:
            close()
        pipe.send(("done", None, None))
    except (BrokenPipeError, ConnectionResetError):  # the recording has ended, or was killed
        return
    except (RobotError, ConfigError, OSError) as error:
        with contextlib.suppress(OSError):
            pipe.send(("error", str(error), None))


def _in_processes(job: Job, sink: BagSink, stop: StopFlag) -> None:
    context = multiprocessing.get_context("spawn")
    pipes: dict[Pipe, Any] = {}
    for i in range(job.config.num_envs):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(job, i, theirs), daemon=True)
        process.start()
        theirs.close()
        pipes[ours] = process
    running = dict(pipes)
    try:
        while running and not stop() and not enough(job.config, sink):
            for pipe in wait(list(running), timeout=0.5):
                assert isinstance(pipe, Pipe)
                _take(pipe, sink, running)
    finally:
        for pipe, process in pipes.items():
            pipe.close()
            process.terminate()
            process.join(_LEAVE_S)


def _take(pipe: Pipe, sink: BagSink, running: dict[Pipe, Any]) -> None:
    """One message of a process."""
    try:
        what, first, second = pipe.recv()
    except (EOFError, OSError):
        process = running.pop(pipe)
        process.join(0.5)
        raise RecordingError(
            f"the process of a robot has ended (exit code {process.exitcode}); was it killed, or did memory run out? "
            f"{sink.episodes:,} whole episodes are in {sink.folder}"
        ) from None
    if what == "messages":
        sink.write(first, second)
    elif what == "end":
        sink.end(first)
    elif what == "error":
        raise RobotError(first)
    else:
        del running[pipe]
