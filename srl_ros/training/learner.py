"""A network with the objectives by which it learns."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.untrusted_files import one_line
from srl_ros.config import TrainingConfig
from srl_ros.methods import METHODS, Loss
from srl_ros.networks import StateNetwork
from srl_ros.objectives import OBJECTIVES, Batch, Encoded, Objective, Setup
from srl_ros.objectives.base import States
from srl_ros.training.batches import DataFacts
from srl_ros.transitions import DatasetError, TransitionSource


class LossError(ValueError):
    """A loss of another package fails; one line says which and how."""


def described(error: Exception) -> str:
    """Return type, text and place of an error in one line."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {one_line(error)}{place}"


def objective_classes(config: TrainingConfig) -> dict[str, type[Objective]]:
    """Return the classes of a method's losses by name. Raises ConfigError for one that cannot be imported."""
    own = METHODS[config.method].own_losses
    return {
        loss.name: _imported(own[loss.name]) if loss.name in own else OBJECTIVES[loss.name]
        for loss in config.all_losses
    }


def needs_of(config: TrainingConfig) -> frozenset[str]:
    """Return the parts of `Transitions` that a method needs."""
    return frozenset(part for kind in objective_classes(config).values() for part in kind.needs)


def learns_from_rewards(config: TrainingConfig) -> bool:
    """Whether the truth that a method learns comes from rewards and hands."""
    return any(kind.from_rewards for kind in objective_classes(config).values())


def check_source(source: TransitionSource, config: TrainingConfig) -> None:
    """Raise DatasetError, one line, if the data lack something that the method needs."""
    for name, kind in objective_classes(config).items():
        lacks = [part for part in kind.needs if part not in source.has]
        if lacks:
            raise DatasetError(
                f"loss {name} needs {', '.join(lacks)}, which these data lack; they have "
                f"{', '.join(sorted(source.has)) or 'images alone'}"
            )
        if len(source.cameras) < kind.cameras:
            raise DatasetError(
                f"loss {name} compares {kind.cameras} cameras, and these images are of {', '.join(source.cameras)} alone; "
                "record more: cameras:=external,above"
            )


class Learner(nn.Module):
    """The weighted sum of a method's losses. Weights are drawn from torch's generator, which the caller has seeded."""

    def __init__(self, source: TransitionSource, config: TrainingConfig, facts: DataFacts):
        super().__init__()
        height, width, _ = source.image_shape
        self.network = StateNetwork(
            height, width, config.feature_points, config.outputs, cameras=len(source.cameras), kind=config.kind
        )
        self.network.fit_colours(facts.sample)
        self.losses: tuple[Loss, ...] = config.all_losses
        self._own = dict(METHODS[config.method].own_losses)
        classes = objective_classes(config)
        self.objectives = nn.ModuleDict(
            {f"loss_{loss.name}": self._made(classes[loss.name], loss, config, facts) for loss in self.losses}
        )

    @property
    def has_own_losses(self) -> bool:
        """Whether a loss is of another package."""
        return any(loss.name in self._own for loss in self.losses)

    @property
    def trains(self) -> bool:
        """Whether anything is learned by gradients."""
        return any(objective.trains for objective in self._each())

    def loss(self, batch: Batch) -> Tensor:
        """Scalar loss. Raises LossError for a loss of another package that fails or gives something else."""
        states = States(self.network, batch)
        total = torch.zeros((), device=batch.images.device)
        for loss in self.losses:
            value = self._call(loss, "forward", Encoded(states, loss.begin, loss.end))
            if not isinstance(value, Tensor) or value.numel() != 1 or not value.is_floating_point():
                given = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]
                raise LossError(f"loss {loss.name} gives {given}; expected a tensor of one number: take its mean")
            total = total + loss.weight * value.reshape(())
        return total

    def not_finite(self, batch: Batch) -> list[str]:
        """Return the names of the losses that are not finite on a batch."""
        states = States(self.network, batch)
        values = {loss.name: self._call(loss, "forward", Encoded(states, loss.begin, loss.end)) for loss in self.losses}
        return [name for name, value in values.items() if not torch.isfinite(value).all()]

    def after_step(self) -> None:
        """Tell the objectives that a gradient step is done."""
        for objective in self._each():
            objective.after_step(self.network)

    def set_scale(self, facts: DataFacts) -> None:
        """Let the objectives change how states are standardised."""
        truth = (torch.tensor(values, dtype=torch.float32) for values in (facts.truth_mean, facts.truth_std))
        mean, std = truth
        for objective in self._each():
            objective.set_scale(self.network, mean, std)

    def draw(self, batch: Batch) -> Tensor | None:
        """Draw the images of a batch, (n, cameras, height, width, 3) uint8; None where no loss draws."""
        return self._first("draw", batch)

    def predict_reward_class(self, batch: Batch) -> Tensor | None:
        """Return the most likely class of each reward, `(n,)`; None where no loss predicts it."""
        return self._first("predict_reward_class", batch)

    def _first(self, what: str, batch: Batch) -> Tensor | None:
        states = States(self.network, batch)
        for loss in self.losses:
            answer: Tensor | None = self._call(loss, what, Encoded(states, loss.begin, loss.end))
            if answer is None:
                continue
            shape = batch.images.shape if what == "draw" else batch.reward_class.shape
            if not isinstance(answer, Tensor) or answer.shape != shape:
                given = tuple(answer.shape) if isinstance(answer, Tensor) else repr(answer)[:60]
                raise LossError(f"{what} of loss {loss.name} gives {given}; expected a tensor of shape {tuple(shape)}")
            return answer
        return None

    def _call(self, loss: Loss, what: str, encoded: Encoded) -> Any:
        objective = self.objectives[f"loss_{loss.name}"]
        return self._tried(loss, "fails", objective if what == "forward" else getattr(objective, what), encoded)

    def _tried(self, loss: Loss, failure: str, call: Callable[[Any], Any], argument: Any) -> Any:
        """Call a part of a loss. One of another package may fail in any way: LossError has the line where it did."""
        if loss.name not in self._own:
            return call(argument)
        try:
            return call(argument)
        except Exception as error:
            raise LossError(f"loss {loss.name} of {self._own[loss.name]} {failure}: {described(error)}") from error

    def _each(self) -> list[Objective]:
        return list(self.objectives.values())  # type: ignore[arg-type]

    def _made(self, kind: type[Objective], loss: Loss, config: TrainingConfig, facts: DataFacts) -> Objective:
        made: Objective = self._tried(loss, "cannot be made", kind, self._setup(loss, config, facts))
        return made

    def _setup(self, loss: Loss, config: TrainingConfig, facts: DataFacts) -> Setup:
        dim = self.network.state_dim if loss.end is None else loss.end - loss.begin
        return Setup(
            network=self.network,
            dim=dim,
            config=config,
            sample=facts.sample,
            action_dim=facts.action_dim,
            discrete=facts.discrete,
            reward_classes=facts.reward_classes,
            reward_range=facts.reward_range,
        )


def _imported(path: str) -> type[Objective]:
    module, _, name = path.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as error:  # another's package may fail in any way
        raise ConfigError(f"loss at {path} cannot be imported: {' '.join(str(error).split())}") from error
    if not (isinstance(kind, type) and issubclass(kind, Objective)):
        raise ConfigError(f"loss at {path} is {kind!r}; expected a subclass of srl_ros.objectives.Objective")
    return kind
