"""Objectives that predict actions, next states, rewards and the ground truth."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from robot_interface_ros.config import ConfigError
from srl_ros.losses import prediction as losses
from srl_ros.networks import StateNetwork
from srl_ros.objectives.base import Encoded, Objective, Setup, SlowCopy, perceptron

_LEAST_LOG_STD, _MOST_LOG_STD = -5.0, 1.0  # in deviations of the ground truth
_WEIGHT = 0.5  # beta of losses.estimate


class Inverse(Objective):
    """The action from a state and the next: the class of a discrete one, the values of a continuous one."""

    needs = ("next_images", "action")

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.discrete = setup.discrete
        self.read = perceptron(2 * setup.dim, setup.action_dim)

    def forward(self, encoded: Encoded) -> Tensor:
        """Cross-entropy or mean squared error."""
        predicted = self.read(torch.cat([encoded.state, encoded.next_state], dim=1))
        if self.discrete:
            return losses.inverse_discrete(predicted, encoded.batch.action_index)
        return losses.inverse_continuous(predicted, encoded.batch.action)


class Forward(Objective):
    """The next state as s + W [s, a]."""

    needs = ("next_images", "action")

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.change = nn.Linear(setup.dim + setup.action_dim, setup.dim)

    def forward(self, encoded: Encoded) -> Tensor:
        """Error of the next state in its variances."""
        state = encoded.state
        predicted = state + self.change(torch.cat([state, encoded.batch.action], dim=1))
        return losses.forward(predicted, encoded.next_state)


class Reward(Objective):
    """The class of the reward from a state and the next."""

    needs = ("next_images", "reward")

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.read = perceptron(2 * setup.dim, setup.reward_classes)

    def logits(self, encoded: Encoded) -> Tensor:
        """`(n, classes)`."""
        logits: Tensor = self.read(torch.cat([encoded.state, encoded.next_state], dim=1))
        return logits

    def forward(self, encoded: Encoded) -> Tensor:
        """Cross-entropy."""
        return losses.reward_class(self.logits(encoded), encoded.batch.reward_class)

    def predict_reward_class(self, encoded: Encoded) -> Tensor | None:
        """See Objective."""
        return self.logits(encoded).argmax(dim=1)


class Supervised(Objective):
    """The ground truth columns `config.truth_names`, in deviations from their mean.

    A state of as many values is the estimate itself; a larger one is read out by a linear layer. It asks for a ground truth
    that a physical robot seldom has.
    """

    needs = ("ground_truth",)

    def __init__(self, setup: Setup):
        super().__init__(setup)
        wanted = len(setup.config.truth_names)
        self.read: nn.Module = nn.Identity() if setup.dim == wanted else nn.Linear(setup.dim, wanted)

    def forward(self, encoded: Encoded) -> Tensor:
        """Mean squared error."""
        return losses.supervised(self.read(encoded.state), encoded.batch.truth)


class Estimate(Objective):
    """The ground truth and the certainty of each value: the state is the estimate, then the logarithms of its deviations.

    After the training both are in the units of the ground truth: m and ln m for a place.
    """

    needs: ClassVar[tuple[str, ...]] = ("ground_truth",)

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self._count = len(setup.config.truth_names)
        if not setup.whole or setup.dim != 2 * self._count:
            raise ConfigError(
                f"loss estimate needs a state of its own with {2 * self._count} values, two for each of truth_names, and not "
                f"{setup.dim}; use it alone, and leave state_dim out"
            )

    def forward(self, encoded: Encoded) -> Tensor:
        """Negative log-likelihood; weighted in the training, plain where epochs are compared.

        The weighted one comes nearer to 0 while the estimates get better, so its least value would be that of an early epoch.
        """
        mean, log_std = encoded.state[:, : self._count], encoded.state[:, self._count :]
        beta = _WEIGHT if self.training else 0.0
        return losses.estimate(mean, log_std.clamp(_LEAST_LOG_STD, _MOST_LOG_STD), encoded.batch.truth, beta)

    def set_scale(self, network: StateNetwork, truth_mean: Tensor, truth_std: Tensor) -> None:
        """Let the network put out the estimate in the units of the ground truth."""
        network.mean.copy_(torch.cat([-truth_mean / truth_std, -truth_std.log()]))
        network.std.copy_(torch.cat([1.0 / truth_std, torch.ones_like(truth_std)]))


class Distillation(Objective):
    """The actions of a policy that knew the ground truth, which the data bring as `action_probabilities`."""

    needs = ("action_probabilities",)

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.discrete = setup.discrete
        self.read = perceptron(setup.dim, setup.action_dim)

    def forward(self, encoded: Encoded) -> Tensor:
        """KL divergence of the student's policy from the teacher's."""
        compare = losses.action_kl if self.discrete else losses.action_means
        return compare(self.read(encoded.state), encoded.batch.action_probabilities)


class VarianceRegularised(Objective):
    """Forward prediction of an expanded state, whose values must vary and must not repeat each other.

    The three terms and their weights of 25, 25 and 1: Bardes et al. 2022 (VICReg). With a prediction in place of a second
    view: Sobal et al. 2022, "Joint embedding predictive architectures focus on slow features".
    """

    needs = ("next_images", "action")

    def __init__(self, setup: Setup, width: int = 128):
        super().__init__(setup)
        self.expand = perceptron(setup.dim, width, hidden=width)
        self.change = perceptron(width + setup.action_dim, width, hidden=width)

    def forward(self, encoded: Encoded) -> Tensor:
        """25 invariance + 25 variance + covariance."""
        here, there = self.expand(encoded.state), self.expand(encoded.next_state)
        predicted = here + self.change(torch.cat([here, encoded.batch.action], dim=1))
        varies = losses.variance(here) + losses.variance(there)
        repeats = losses.covariance(here) + losses.covariance(there)
        total: Tensor = 25.0 * ((predicted - there) ** 2).mean() + 12.5 * varies + 0.5 * repeats
        return total


class ModelBased(Objective):
    """Next state, reward and end of the episode as linear functions of g(state, action).

    The encoder's loss of MR.Q (Fujimoto et al. 2025), with its weights of 1, .1 and .1, over one step in place of five. The
    next state is that of a copy of the network, which is renewed every `every` steps.
    """

    needs = ("next_images", "action", "reward")
    steps: Tensor
    bins: Tensor

    def __init__(self, setup: Setup, width: int = 128, every: int = 250, bins: int = 33):
        super().__init__(setup)
        self._every = every
        self.target = SlowCopy(setup.network, rate=1.0)
        self.joint = nn.Sequential(perceptron(setup.dim + setup.action_dim, width, hidden=width), nn.ReLU())
        self.following, self.reward, self.end = (nn.Linear(width, size) for size in (setup.dim, bins, 1))
        low, high = setup.reward_range
        self.register_buffer("bins", torch.linspace(low, max(high, low + 1e-3), bins))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, encoded: Encoded) -> Tensor:
        """Error of the next state + .1 cross-entropy of the reward + .1 error of the end."""
        batch = encoded.batch
        joint = self.joint(torch.cat([encoded.state, batch.action], dim=1))
        with torch.no_grad():
            following = encoded.encode(batch.next_images, self.target.network)
        total = losses.forward(self.following(joint), following)
        total = total + 0.1 * losses.reward_two_hot(self.reward(joint), batch.reward, self.bins)
        return total + 0.1 * losses.termination(self.end(joint)[:, 0], batch.terminated)

    def after_step(self, network: StateNetwork) -> None:
        """Renew the copy every `every` steps."""
        self.steps += 1
        if int(self.steps) % self._every == 0:
            self.target.follow(network)
