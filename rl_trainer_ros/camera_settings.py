"""Settings of the policy's cameras. The simulator gets them too, so this module does not import Gymnasium."""

from __future__ import annotations

from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, option


@dataclass(frozen=True)
class CameraSettings:
    """Settings of the observation raw_pixels."""

    cameras: tuple[str, ...] = option(
        ("external",),
        "cameras, in the order of the channels; for two views [external, left_eye] or [left_eye, right_eye]",
    )
    image_width: int = option(64, "width of a camera image, pixels", minimum=36, maximum=4096)
    image_height: int = option(64, "height of a camera image, pixels", minimum=36, maximum=4096)

    def __post_init__(self) -> None:
        if not self.cameras or len(set(self.cameras)) != len(self.cameras):
            raise ConfigError(f"cameras is {list(self.cameras)}; name at least one, each once")

    def simulation(self) -> dict[str, object]:
        """Return the settings of the simulator that render these images."""
        return {"cameras": self.cameras, "image_width": self.image_width, "image_height": self.image_height}
