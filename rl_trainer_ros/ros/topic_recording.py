"""Record robots over topics, all at the same time, each in a fiber."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import Connection, make_environment
from rl_trainer_ros.recording.bag_sink import BagSink, KeepLast
from rl_trainer_ros.recording.episode_recorder import EpisodeRecorder
from rl_trainer_ros.recording.record import Job, StopFlag, enough, numbers, policy_of
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from rl_trainer_ros.ros.topic_tap import TopicTap
from robot_interface_ros.errors import StopRequested
from robot_interface_ros.names import resolve
from robot_interface_ros.ros.transport.runtime import Runtime


@dataclass
class _Robot:
    """One recorded robot."""

    namespace: str
    environment: RobotEnv
    tap: TopicTap
    recorder: EpisodeRecorder
    last: KeepLast | None


def record_over_topics(job: Job, open_sink: Callable[[], BagSink], stop: StopFlag) -> BagSink | None:
    """Record until all episodes are in the sink. It is opened when all robots are found; return None if it never was.

    Ctrl-C ends it. Raises RobotError, ConfigError.
    """
    config, robots, sink = job.config, [], None
    with Runtime() as runtime:
        base = runtime.main_node("recorder").get_namespace()
        names = [resolve(namespace, base) for namespace in config.robots]
        shared = SharedWaiter(runtime, names)
        try:
            for i, namespace in enumerate(names):
                robots.append(_robot(job, namespace, runtime, shared))
                robots[i].tap.find(partial(robots[i].environment.reset, seed=0))
            sink = open_sink()
            stopped = partial(_stopped, runtime, stop)
            for robot in robots:
                if config.keep_last_s:
                    robot.last = KeepLast(sink, config.keep_last_s, stop.dump_wanted())
                    robot.recorder.most_bytes = 0
            with stop.handling(both=False):
                tasks = [
                    shared.fibers.start(partial(_play, job, robot, i, len(robots), sink, stopped))
                    for i, robot in enumerate(robots)
                ]
                while not all(task.done for task in tasks):
                    shared.fibers.turn(0.2)
                    for task in tasks:
                        if task.done:
                            task.result()
                for task in tasks:
                    task.result()
        except StopRequested:
            pass
        finally:
            for robot in robots:
                if robot.last is not None:
                    robot.last.dump()
                robot.tap.close()
                robot.environment.close()
    return sink


def _robot(job: Job, namespace: str, runtime: Runtime, shared: SharedWaiter) -> _Robot:
    config = job.config
    environment = make_environment(
        config.environment(), Connection("topics", namespace, runtime=runtime, shared=shared)
    )
    tap = TopicTap(shared, namespace, config.cameras, lockstep=not config.realtime)
    recorder = EpisodeRecorder(environment, tap, policy_of(job, environment), namespace, config.seed)
    return _Robot(namespace, environment, tap, recorder, None)


def _play(job: Job, robot: _Robot, first: int, every: int, sink: BagSink, stopped: Callable[[], bool]) -> None:
    """Record the episodes of one robot; runs in a fiber."""
    for episode in numbers(job.config, first, every):
        if stopped() or enough(job.config, sink):
            return
        if robot.recorder.play(episode, robot.last or sink, stopped) is None:
            return


def _stopped(runtime: Runtime, stop: StopFlag) -> bool:
    return runtime.stop_requested or stop()
