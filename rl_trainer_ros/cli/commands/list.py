"""`rl_trainer list`: all names that can be chosen, and their valid combinations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from types import MappingProxyType
from typing import Any

from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import ConfigError, option

Rows = list[tuple[str, ...]]
SECTIONS = ("tasks", "actions", "observations", "algorithms", "srl_models", "robots", "worlds", "combinations")


@dataclass(frozen=True)
class ListOptions:
    """Arguments of `rl_trainer list`."""

    what: str = option("all", "list to print", choices=("all", *SECTIONS))
    settings: bool = option(False, "also list the settings of each task, action and observation")


def print_names(options: ListOptions) -> int:
    """Print the lists."""
    print(text(options))
    return 0


def text(options: ListOptions) -> str:
    """Return the lists as text."""
    wanted = SECTIONS if options.what == "all" else (options.what,)
    return "\n\n".join(f"{name}:\n{_TEXTS[name](options.settings)}" for name in wanted)


def table(rows: Rows, head: Sequence[str] = ()) -> str:
    """Return rows of text in columns."""
    all_rows = [tuple(head), *rows] if head else rows
    widths = [max(len(row[i]) for row in all_rows) for i in range(len(all_rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in all_rows]
    return "\n".join(f"  {line}" for line in lines)


def _tasks(settings: bool) -> str:
    from rl_trainer_ros.tasks import TASKS

    def row(kind: Any) -> tuple[str, ...]:
        needs = ", ".join(kind.needs) or "-"
        return kind.world, needs, kind.action, str(kind.Settings().max_episode_steps), kind.summary

    return _parts(TASKS, ("task", "world", "needs of the robot", "action", "steps", "description"), row, settings)


def _actions(settings: bool) -> str:
    from rl_trainer_ros.actions import ACTIONS

    def row(kind: Any) -> tuple[str, ...]:
        return "discrete" if kind.discrete else "continuous", ", ".join(kind.needs) or "-", kind.summary

    return _parts(ACTIONS, ("action", "kind", "needs of the robot", "description"), row, settings)


def _observations(settings: bool) -> str:
    from rl_trainer_ros.observations import OBSERVATIONS, SrlState

    head: tuple[str, ...] = ("observation", "content")
    return _parts(OBSERVATIONS, head, lambda kind: (kind.summary,), settings, {"srl_state": SrlState})


def _algorithms(settings: bool) -> str:
    from rl_trainer_ros.algorithms import ALGORITHMS

    def row(entry: Any) -> tuple[str, ...]:
        return " and ".join(entry.actions), "yes" if entry.replay else "no", entry.description

    return _parts(ALGORITHMS, ("algorithm", "actions", "replaces goals", "description"), row, settings=False)


def _srl_models(settings: bool) -> str:
    from rl_trainer_ros import factories

    def summary(name: str) -> str:
        try:
            return factories.srl_summary(name)
        except ConfigError as error:  # another package's
            return str(error)

    return table([(name, summary(name)) for name in factories.srl_models()], ("srl_model", "learns"))


def _robots(settings: bool) -> str:
    rows: Rows = []
    broken: list[str] = []
    for name, config in _robot_configs():
        if isinstance(config, ConfigError):
            broken.append(f"  {config}")
            continue
        places = [part for part in ("table", "arena") if getattr(config, part) is not None]
        rows.append((name, config.end_effector, ", ".join(places) or "-", ", ".join(config.groups)))
    return "\n".join([table(rows, ("robot", "end effector", "has", "joint groups")), *broken])


def _worlds(settings: bool) -> str:
    from rl_trainer_ros.environments.requirements import world_names

    return table([(name,) for name in world_names()])


def _combinations(settings: bool) -> str:
    from rl_trainer_ros.actions import ACTIONS
    from rl_trainer_ros.environments import requirements as needs
    from rl_trainer_ros.environments.registration import env_id
    from rl_trainer_ros.tasks import TASKS

    rows: Rows = []
    for robot, config in _robot_configs():
        if isinstance(config, ConfigError):  # shown in the list of robots
            continue
        for task, kind in TASKS.usable():
            missing = needs.missing(kind.needs, config)
            rows.append((task, robot, f"lacks {', '.join(missing)}" if missing else env_id(robot, task)))
    in_arena = [name for name, kind in ACTIONS.usable() if kind.needs]
    rules = (
        "an algorithm works with the kinds of actions in its row, and with every task and observation",
        "every action works with every task and robot; " + ", ".join(in_arena) + " need the robot's arena",
        "every observation works with every task and robot; raw_pixels and srl_state need a camera",
        "frame_stack works with every observation, but not with goal_conditioned",
        "goal_conditioned:=true works with the tasks reach and point_to_point with reward sparse or distance, and with the "
        "observations joints and joints_position",
    )
    return table(rows, ("task", "robot", "Gymnasium id")) + "\n\n" + "\n".join(f"  {rule}" for rule in rules)


_TEXTS: Mapping[str, Callable[[bool], str]] = {
    "tasks": _tasks,
    "actions": _actions,
    "observations": _observations,
    "algorithms": _algorithms,
    "srl_models": _srl_models,
    "robots": _robots,
    "worlds": _worlds,
    "combinations": _combinations,
}


def _parts(
    registry: Any,
    head: Sequence[str],
    row: Callable[[Any], tuple[str, ...]],
    settings: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Return a table of what a registry holds, and errors of what cannot be loaded; `more`: additional entries."""
    rows: Rows = []
    broken: list[str] = []
    details: list[str] = []
    remembering: dict[str, list[str]] = {}
    for name in (*registry, *more):
        try:
            kind = more[name] if name in more else registry[name]
        except ConfigError as error:
            broken.append(f"  {error}")
            continue
        rows.append((name, *row(kind)))
        if getattr(kind, "memory", ()):
            remembering.setdefault("; ".join(kind.memory), []).append(name)
        if settings and fields(kind.Settings):
            details.append(f"\n  {name}:\n" + table([_setting(field) for field in fields(kind.Settings)]))
    memories = [f"  {', '.join(names)}: {text}" for text, names in remembering.items()]
    if memories:
        memories = ["\n  Memory of tasks, which is in the observation only with task_memory:=true:", *memories]
    return "\n".join([table(rows, head), *broken, *memories, *details])


def _setting(field: Field[Any]) -> tuple[str, ...]:
    from rl_trainer_ros.bringup.setting_texts import default_text, description

    default = default_text(field) if field.default is not MISSING else ""
    return f"  {field.name}:={default}", description(field)


def _robot_configs() -> Iterable[tuple[str, Any]]:
    """Yield robots with their files' settings, or with the error of a robot of another package."""
    from robot_interface_ros.robot_config import BROUGHT, robot_config, robot_names

    for name in dict.fromkeys((*robot_names(), *BROUGHT)):
        try:
            yield name, robot_config(name)
        except ConfigError as error:
            yield name, error


COMMAND = Command(
    "list",
    "list tasks, actions, observations, algorithms, robots, worlds and valid combinations",
    run=print_names,
    options=ListOptions,
    examples=("rl_trainer list what:=algorithms",),
)
