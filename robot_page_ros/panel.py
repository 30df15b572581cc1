"""The page's controls and texts. Every press becomes an `Action`; nothing is sent from here."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import viser

from robot_interface_ros.urdf.robot_model import RobotModel
from robot_page_ros.camera_pictures import PictureTab
from robot_page_ros.curves import PARTS, curve
from robot_page_ros.drawing.drawn_markers import texts
from robot_page_ros.drawing.neighbours import MOST
from robot_page_ros.markup import (
    AMBER,
    BLUE,
    GREEN,
    LOST,
    RED,
    STOP_PLACE,
    card,
    note,
    policy_tables,
    set_content,
    streams_table,
)
from robot_page_ros.view import RobotView, ages, lost

CURVES = {
    "episode_return": ("return", "#2563eb"),
    "success_rate": ("success rate", "#16a34a"),
    "final_distance": ("final distance, m", "#ea580c"),
    "step_ms": ("step time, ms", "#7c3aed"),
    "update_s": ("update time, s", "#64748b"),
}
JOGS = ("x-", "x+", "y-", "y+", "z-", "z+")
STOP_HINT = "Stops all robots of this page at once. Everybody who has the page may press it."
STOP_HZ = 5.0
"""The emergency stop is sent so often while its button is held down."""
ENABLE_HINT = "Ends the emergency stop of the robot that is shown; nothing else does."
LOCKSTEP = "This robot waits for its trainer at every step (lockstep), so it cannot be moved from here."
_STREAMS_S = 1.0  # between two updates of the streams' ages
_FOLLOWS = 0.005  # rad; a slider follows the robot's target in steps of this


@dataclass(frozen=True)
class Action:
    """Something that a person asked for; `page` is the viser client that asked (None: none)."""

    name: str
    page: int | None
    value: Any = None


class Panel:
    """One panel for all pages; it shows the same everywhere."""

    def __init__(
        self,
        server: viser.ViserServer,
        namespaces: Sequence[str],
        act: Callable[[Action], None],
        can_watch: bool = False,
    ):
        """`act`: called from viser's threads; `can_watch`: whether several robots can be shown side by side."""
        self._server, self._act = server, act
        gui = self._gui = server.gui
        gui.configure_theme(control_width="large", show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.set_panel_label("rl_trainer_ros")
        gui.add_html(LOST)
        self._chosen = gui.add_dropdown("robot", list(namespaces)) if len(namespaces) > 1 else None
        if self._chosen is not None:
            self._chosen.on_update(self._told("robot"))
        self._beside = gui.add_checkbox("side by side", False) if can_watch and len(namespaces) > 1 else None
        if self._beside is not None:
            more = f"; at most {MOST} of the {len(namespaces) - 1}" if len(namespaces) > MOST + 1 else ""
            self._beside.hint = f"Shows the other robots beside the chosen one{more}."
        self._status = gui.add_html("")
        self._stop_button()
        self._enable = self._button("Allow motion", "enable", GREEN, ENABLE_HINT)
        self._reset = self._button("Reset to the rest pose", "reset", None, "Real time only.")
        self._answer = gui.add_html("")
        tabs = gui.add_tab_group()
        with tabs.add_tab("Training"):
            self._training = gui.add_html(note("No trainer is heard yet."))
            self._run_folder = gui.add_folder("Run", expand_by_default=True, visible=False)
            with self._run_folder:
                self._button("Pause", "pause")
                self._button("Continue", "resume")
                self._button("Save a checkpoint", "save")
                self._button("Stop and save", "stop_training")
            self._curve_folder = gui.add_folder("Curves", expand_by_default=True, visible=False)
            with self._curve_folder:
                self._part: Any = gui.add_dropdown(
                    "show", list(PARTS), hint="share of the steps; the scale fits the shown values"
                )
                self._part.on_update(lambda _: self._draw_curves())
                self._curves = gui.add_html("")
        with tabs.add_tab("Move"):
            self._operator = gui.add_html(note(LOCKSTEP))
            self._jog_folder = gui.add_folder("Hand", expand_by_default=True)
            with self._jog_folder:
                self.link: Any = gui.add_dropdown(
                    "link", ["-"], hint="the link that moves; other joints keep their angle"
                )
                self.step_mm = gui.add_slider("step, mm", 1, 50, 1, 10)
                self._jog = gui.add_button_group("jog", JOGS, hint="along the axes of the robot's root frame")
                self._jog.on_click(lambda event: act(Action("jog", event.client_id, event.target.value)))
            self._joints = gui.add_folder("Joints", expand_by_default=True)
            with self._joints:  # never empty: a folder that gets its first part while it is drawn may stay closed
                gui.add_html(note("Angles in rad; a prismatic joint in m."))
        with tabs.add_tab("Policy"):
            self._policy = gui.add_html(policy_tables({}))
        with tabs.add_tab("Cameras"):
            self.pictures = PictureTab(gui, "No camera is seen yet.")
        with tabs.add_tab("Streams"):
            self._streams = gui.add_html("")
        self._streams_at = -math.inf
        self._drawn: Mapping[str, Any] = {}
        self._sliders: dict[str, Any] = {}

    @property
    def side_by_side(self) -> bool:
        """Whether the other robots are to be shown beside the chosen one."""
        return self._beside is not None and bool(self._beside.value)

    @property
    def sliders(self) -> Mapping[str, Any]:
        """Joint -> slider, rad (m for a prismatic joint)."""
        return self._sliders

    def set_robot(self, model: RobotModel, end_effector: str, joints: Collection[str]) -> None:
        """Make a slider for each of these joints, and offer the links that can be jogged."""
        self.clear_robot()
        tips = [link for link in model.outward if model.parent_joint(link) is not None]
        self.link.options = tips or ["-"]
        self.link.value = end_effector if end_effector in tips else self.link.options[-1]
        limits = model.limits()
        with self._joints:
            for i, name in enumerate(model.joint_names):
                low, high = float(limits.lower[i]), float(limits.upper[i])
                if not math.isfinite(low) or not math.isfinite(high):
                    low, high = -math.pi, math.pi
                if name not in joints or high - low < 1e-3:
                    continue
                at = min(high, max(low, 0.0))
                slider = self._sliders[name] = self._gui.add_slider(name, low, high, 0.001, round(at, 3), disabled=True)
                slider.on_update(self._slid(name))

    def clear_robot(self) -> None:
        """Remove the parts of one robot."""
        for handle in self._sliders.values():
            handle.remove()
        self._sliders = {}
        self.pictures.clear()
        set_content(self._policy, policy_tables({}))

    def follow(self, targets: Mapping[str, float], enabled: bool) -> None:
        """Move the sliders to where the robot is sent; grey them where nobody may use them."""
        for name, slider in self._sliders.items():
            if slider.disabled == enabled:
                slider.disabled = not enabled
            at = targets.get(name)
            if at is not None and abs(slider.value - at) > _FOLLOWS:
                slider.value = round(min(slider.max, max(slider.min, at)), 3)

    def show(
        self, namespace: str, view: RobotView, now: float, drawn: bool, watchers: int, operator: int | None
    ) -> None:
        """Show state and ages of the streams; `drawn`: whether the robot is in the scene."""
        gone = lost(view, now)
        state, colour = _state(view, gone)
        undrawn = "" if drawn else "not drawn, and without sliders: no robot_description that can be read has come"
        rejected = f"refused: {view.rejected}" if view.rejected else ""
        pages = f"{watchers} page{'s' if watchers != 1 else ''} open"
        set_content(
            self._status,
            card(colour, f"{namespace}: {state}", (view.said, undrawn, rejected, *texts(view.markers), pages)),
        )
        can_move = view.real_time and drawn and not gone
        if self._reset.disabled == can_move:
            self._reset.disabled = not can_move
        if self._jog_folder.visible != can_move:
            self._jog_folder.visible = can_move
        if not view.real_time:
            said = LOCKSTEP
        elif operator is None:
            said = "Move a slider or press jog: this page then has the controls until it is idle for 10 s."
        else:
            said = f"Page {operator} has the controls."
        set_content(self._operator, note(said))
        if abs(now - self._streams_at) >= _STREAMS_S:
            self._streams_at = now
            set_content(self._streams, streams_table(ages(view, now), view.signals))
        if view.policy:
            set_content(self._policy, policy_tables(view.policy))

    def show_training(self, said: str, newest: Mapping[str, float], curves: Mapping[str, Any]) -> None:
        """Show the trainer's line and its curves; steps on the horizontal axis."""
        if said:
            self._run_folder.visible = True
            left = _time_left(said, newest)
            set_content(self._training, card(BLUE, said, (left,)))
        self._drawn = curves
        self._draw_curves()

    def _draw_curves(self) -> None:
        """Draw the part of the curves that is chosen."""
        part, known = PARTS[self._part.value], self._drawn
        drawn = ""
        for name, (title, colour) in CURVES.items():
            steps, values = known.get(name, ([], []))
            drawn += curve(title, colour, steps, values, part)
        if drawn:
            self._curve_folder.visible = True
            set_content(self._curves, drawn)

    def answer(self, text: str, good: bool) -> None:
        """Show how the last action ended."""
        set_content(self._answer, card(GREEN if good else RED, text) if text else "")

    def notify(self, page: int | None, text: str) -> None:
        """Tell one page why something that it asked for was refused."""
        client = self._server.get_clients().get(page) if page is not None else None
        if client is not None:
            client.add_notification("Not done", text, color=RED, auto_close_seconds=6.0)

    def _stop_button(self) -> None:
        """Make the emergency stop. It acts when the button goes down; a key press counts as well.

        viser awaits a coroutine in the thread that receives messages; a function would wait for a thread of its pool.
        """

        async def stop(event: Any) -> None:
            self._act(Action("stop", event.client_id))

        self._gui.add_html(STOP_PLACE)
        button = self._gui.add_button("EMERGENCY STOP", color=RED, hint=STOP_HINT)
        button.on_hold(stop, callback_hz=STOP_HZ)
        button.on_click(stop)

    def _button(self, label: str, action: str, colour: Any = None, hint: str | None = None) -> Any:
        button = self._gui.add_button(label, color=colour, hint=hint)
        button.on_click(lambda event: self._act(Action(action, event.client_id)))
        return button

    def _told(self, name: str) -> Callable[[Any], None]:
        def tell(event: Any) -> None:
            self._act(Action(name, event.client_id, event.target.value))

        return tell

    def _slid(self, joint: str) -> Callable[[Any], Coroutine[Any, Any, None]]:
        async def tell(event: Any) -> None:  # at once, by viser's own thread: `follow` may soon set another value
            if event.client_id is not None:  # None: the page itself moved it
                self._act(Action("joint", event.client_id, (joint, float(event.target.value))))

        return tell


def _state(view: RobotView, gone: bool) -> tuple[str, tuple[int, int, int]]:
    if "joint_states" not in view.arrived:
        return "waits for the robot's joint_states", AMBER
    if view.motion_enabled is False:
        return "STOPPED" + ("; no joint_states arrive" if gone else ""), RED
    if gone:
        return "no joint_states arrive: the robot waits for a client, or is gone", AMBER
    if view.real_time:
        return f"in real time, {view.state}", GREEN if view.level == 0 else AMBER
    return "in lockstep", GREEN


def _time_left(said: str, newest: Mapping[str, float]) -> str:
    """Return the time left of `... of 150,000 steps` at the present speed."""
    total = said.rpartition(" of ")[2].partition(" ")[0].replace(",", "")
    speed = newest.get("steps_per_second", 0.0)
    if not total.isdigit() or not speed > 0.0:
        return ""
    left = max(0.0, int(total) - newest.get("steps", 0.0)) / speed
    return f"{speed:.0f} steps/s, {int(left // 60)}:{int(left % 60):02d} left"
