"""The controls of a replay: robot, moment, and the recording's data beside the robot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import viser

from robot_page_ros.camera_pictures import PictureTab
from robot_page_ros.markup import BLUE, LOST, card, episode_strip, policy_tables, set_content, streams_table
from robot_page_ros.replay.playback import SPEEDS
from robot_page_ros.view import RobotView, ages

Act = Callable[[str, Any], None]
BACK, NEXT = "back", "next"
_MOST_LISTED = 5000
"""Episodes in the list."""


class ReplayPanel:
    """One panel for all pages; it shows the same everywhere."""

    def __init__(self, server: viser.ViserServer, robots: Sequence[str], act: Act):
        """`act(name, value)`: called from viser's threads; name: robot, play, seek, step, speed, move or episode."""
        gui = self._gui = server.gui
        gui.configure_theme(control_width="large", show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.set_panel_label("rl_trainer_ros: replay")
        gui.add_html(LOST)
        self._act = act
        if len(robots) > 1:
            self._told(gui.add_dropdown("robot", list(robots)), "robot")
        self._status = gui.add_html("")
        self._play = gui.add_button("Play", color=BLUE)
        self._play.on_click(lambda event: act("play", None))
        self._strip = gui.add_html("")
        self._slider: Any = gui.add_slider("time, s", 0.0, 1.0, 0.01, 0.0)
        self._told(self._slider, "seek")
        self._told(gui.add_button_group("observation", (BACK, NEXT)), "step", clicked=True)
        self._told(gui.add_dropdown("speed", list(SPEEDS), initial_value="1"), "speed")
        self._episodes: Any = None
        self._list = gui.add_folder("Episodes", visible=False)
        with self._list:
            self._told(gui.add_button_group("go", (BACK, NEXT)), "move", clicked=True)
        tabs = gui.add_tab_group()
        with tabs.add_tab("Policy"):
            self._policy = gui.add_html("")
        with tabs.add_tab("Cameras"):
            self.pictures = PictureTab(gui, "The recording has no images of this robot.")
        with tabs.add_tab("Streams"):
            self._streams = gui.add_html("")

    def set_robot(self, duration_s: float, step_s: float, episodes: Sequence[str]) -> None:
        """Show another recording: its length, time between two observations, and its episodes."""
        self._slider.value = 0.0
        self._slider.step = max(0.001, round(step_s, 3))
        self._slider.max = max(round(duration_s, 3), self._slider.step)
        if self._episodes is not None:
            self._episodes.remove()
            self._episodes = None
        self._list.visible = bool(episodes)
        if episodes:
            with self._list:
                self._episodes = self._gui.add_dropdown("episode", list(episodes[:_MOST_LISTED]))
                self._told(self._episodes, "episode")
        self.pictures.clear()

    def show(self, title: str, lines: Sequence[str], at_s: float, playing: bool, episode: int) -> None:
        """Show the moment."""
        set_content(self._status, card(BLUE, title, lines))
        label = "Pause" if playing else "Play"
        if self._play.label != label:
            self._play.label = label
        if abs(self._slider.value - at_s) > 1e-4:
            self._slider.value = round(min(at_s, self._slider.max), 3)
        if self._episodes is not None and 0 <= episode < len(self._episodes.options):
            chosen = self._episodes.options[episode]
            if self._episodes.value != chosen:
                self._episodes.value = chosen

    def show_strip(self, episodes: Sequence[tuple[float, float, bool | None]], at: float) -> None:
        """Show where the episodes lie; see `episode_strip`."""
        set_content(self._strip, episode_strip(episodes, at) if episodes else "")

    def show_view(self, view: RobotView, now_s: float) -> None:
        """Show numbers of policy and streams; `now_s`: time of the moment, in seconds of the stamps."""
        set_content(self._policy, policy_tables(view.policy))
        set_content(self._streams, streams_table(ages(view, now_s), view.signals))

    def _told(self, handle: Any, name: str, clicked: bool = False) -> None:
        def tell(event: Any) -> None:
            if clicked or event.client_id is not None:  # None: the page itself moved it
                self._act(name, event.target.value)

        (handle.on_click if clicked else handle.on_update)(tell)
