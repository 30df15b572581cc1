"""Small pieces of HTML for the panel. Every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RED, GREEN, AMBER, BLUE = (200, 30, 45), (38, 140, 75), (200, 130, 20), (37, 99, 235)
Colour = tuple[int, int, int]
_TABLE = "<table style='width:100%;font-size:.85em;padding:0 .5em'>"
_MOST_ROWS = 64

LOST = (
    "<style>.connection-lost{display:none}"
    "div[style*='pointer-events: none'] .connection-lost{display:block;margin:.3em .5em;padding:.6em .8em;"
    "background:#b00020;color:#fff;font-weight:bold;border-radius:3px}</style>"
    "<div class='connection-lost'>Connection lost. This page sends nothing to the robot, and its content is old. "
    "It connects again when its server is back; click into the page if it does not.</div>"
)
"""Is seen only while the browser has no connection: viser then blocks every control by `pointer-events: none`."""

STOP_PLACE = (
    "<style>div:has(> .before-stop) + div, div:has(> * > .before-stop) + div, div:has(> * > * > .before-stop) + div"
    "{position:fixed;bottom:.6em;left:.3em;width:15em;z-index:1000}</style><div class='before-stop'></div>"
)
"""Puts the control after it into the corner of the window, where no scrolling moves it out of sight."""


def note(text: str) -> str:
    """Return a line of explanation."""
    return f"<div style='padding:.3em .8em;font-size:.85em;opacity:.8'>{html.escape(text)}</div>"


def card(colour: Colour, title: str, lines: Sequence[str] = ()) -> str:
    """Return a title with lines below it, and a coloured edge."""
    r, g, b = colour
    text = "<br>".join(html.escape(line) for line in lines if line)
    below = f"<div style='font-size:.8em;opacity:.75'>{text}</div>" if text else ""
    return (
        f"<div style='margin:.2em .5em;padding:.4em .7em;border-left:5px solid rgb({r},{g},{b});"
        f"background:rgba({r},{g},{b},.09);border-radius:3px;font-size:.9em'>{html.escape(title)}{below}</div>"
    )


def streams_table(ages: Iterable[tuple[str, float, bool]], signals: Mapping[str, float]) -> str:
    """Return a table of the streams' ages, s, red where stale, and of the world's signals."""
    rows = "".join(
        f"<tr style='color:{'#c81e2d' if stale else 'inherit'}'><td>{html.escape(name)}</td>"
        f"<td style='text-align:right'>{age:.1f} s{' stale' if stale else ''}</td></tr>"
        for name, age, stale in ages
    )
    told = "".join(
        f"<tr><td>{html.escape(k)}</td><td style='text-align:right'>{v:g}</td></tr>" for k, v in signals.items()
    )
    return f"{_TABLE}{rows}{told}</table>" if rows else note("No message yet.")


def policy_tables(policy: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table of a policy's action and distribution: stream -> name -> number, as `RobotView.policy` has them.

    Probabilities of discrete actions are bars, and the chosen action is bold; means of continuous actions have deviations.
    """
    wanted, action = policy.get("action_probabilities", {}), policy.get("action", {})
    parts = []
    means = {name.removeprefix("mean_"): at for name, at in wanted.items() if name.startswith("mean_")}
    if means:
        rows = [
            f"{_name(name)}{_number(action.get(name))}{_number(mean)}{_number(wanted.get(f'std_{name}'), '± ')}"
            for name, mean in means.items()
        ]
        parts.append(_titled("action, mean, deviation", rows))
    elif wanted:
        chosen = int(action["action"]) if "action" in action else -1
        rows = [
            f"{_name(name, i == chosen)}{_bar(probability)}{_number(probability)}"
            for i, (name, probability) in enumerate(wanted.items())
        ]
        parts.append(_titled("action probabilities", rows))
    elif action:
        parts.append(_titled("action", [f"{_name(name)}{_number(at)}" for name, at in action.items()]))
    for title, stream in (
        ("value", "value"),
        ("reward", "reward"),
        ("state", "srl_state"),
        ("observation", "observation"),
    ):
        values = policy.get(stream, {})
        if values:
            parts.append(_titled(title, [f"{_name(name)}{_number(at)}" for name, at in values.items()]))
    return "".join(parts) or note("No policy is heard.")


def episode_strip(episodes: Sequence[tuple[float, float, bool | None]], at: float) -> str:
    """Return a strip with each episode in its colour: green for success, red for none, grey for unknown.

    `episodes`: begin, end (shares of the recording, 0 to 1) and success; `at`: share of the moment that is shown.
    """
    colours = {True: "#26904b", False: "#c8485a", None: "#8a93a0"}
    parts = "".join(
        f"<rect x='{1000 * begin:.1f}' width='{max(1.0, 1000 * (end - begin)):.1f}' y='4' height='8' "
        f"fill='{colours[success]}'/>"
        for begin, end, success in episodes
    )
    here = f"<rect x='{1000 * at - 2:.1f}' width='4' y='0' height='16' fill='#2563eb'/>"
    return (
        "<div style='padding:.2em .8em'><svg viewBox='0 0 1000 16' preserveAspectRatio='none' "
        f"style='width:100%;height:14px;display:block'>{parts}{here}</svg></div>"
    )


def set_content(handle: Any, content: str) -> None:
    """Show HTML, if it is new."""
    if handle.content != content:
        handle.content = content


def _titled(title: str, rows: Sequence[str]) -> str:
    more = f"<tr><td>and {len(rows) - _MOST_ROWS} more</td></tr>" if len(rows) > _MOST_ROWS else ""
    lines = "".join(f"<tr>{row}</tr>" for row in rows[:_MOST_ROWS])
    return f"<div style='padding:.3em .6em 0;font-size:.85em'><b>{html.escape(title)}</b></div>{_TABLE}{lines}{more}</table>"


def _name(name: str, bold: bool = False) -> str:
    text = html.escape(name)
    return f"<td>{f'<b>{text}</b>' if bold else text}</td>"


def _number(value: float | None, sign: str = "") -> str:
    text = "" if value is None else f"{sign}{value:.3f}"
    return f"<td style='text-align:right;font-variant-numeric:tabular-nums'>{text}</td>"


def _bar(share: float) -> str:
    width = 100.0 * min(1.0, max(0.0, share))
    return (
        "<td style='width:45%'><div style='background:rgba(127,127,127,.2);height:.7em'>"
        f"<div style='width:{width:.1f}%;background:#2563eb;height:.7em'></div></div></td>"
    )
