"""Datasets in the layout of LeRobot v3.0 (huggingface.co/docs/lerobot/lerobot-dataset-v3): parquet tables and mp4 videos.

All episodes are in one data file and one video a camera. A frame is a step: the observation before the action, the action,
and in `next.reward` and `next.done` what it led to. LeRobot has no field for the observation after the last step.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srl_ros.data.bag_dataset import BagDataset
from srl_ros.data.stretches import Stretch, stretches
from srl_ros.transitions import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "v3.0"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_FIRST = {"chunk_index": 0, "file_index": 0}
_BATCH = 256
_MOST_OFF = 0.001  # share by which the times of an export may differ from those of the bag without a word
_CODEC, _QUALITY, _GROUP = (
    "libx264",
    "18",
    "2",
)  # a key frame every second picture, as LeRobot has it: fast to enter anywhere
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def write_lerobot(dataset: BagDataset, folder: Path) -> Path:
    """Write a dataset; returns its folder."""
    import av  # noqa: F401  here and below: extras of this package
    import pyarrow as pa
    import pyarrow.parquet as pq

    episodes = list(stretches(dataset))
    rows = np.concatenate([stretch.rows for stretch in episodes])
    fps = _fps(dataset)
    lengths = np.array([len(stretch.rows) for stretch in episodes])
    columns = _columns(dataset, episodes, rows, fps)
    features = _features(dataset, columns, fps)
    for key in ("data/chunk-000", "meta/episodes/chunk-000"):
        (folder / key).mkdir(parents=True)
    pq.write_table(_table(columns), folder / DATA.format(**_FIRST))
    image_stats = {
        f"observation.images.{camera}": _write_video(dataset, c, rows, folder, fps)
        for c, camera in enumerate(dataset.cameras)
    }
    task = "recorded with rl_trainer_ros"
    tasks = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([task])})
    pq.write_table(_with_pandas_index(tasks, "task"), folder / "meta/tasks.parquet")
    pq.write_table(
        _episode_table(dataset, columns, lengths, task, fps), folder / "meta/episodes/chunk-000/file-000.parquet"
    )
    stats = {name: _statistics(values) for name, values in columns.items()} | image_stats
    _write_json(folder / "meta/stats.json", stats)
    info = {
        "codebase_version": VERSION,
        "robot_type": dataset.parts[0].about["robot"] or "unknown",
        "total_episodes": len(episodes),
        "total_frames": len(rows),
        "total_tasks": 1,
        "chunks_size": 1000,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": fps,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": DATA,
        "video_path": VIDEO if dataset.cameras else None,
        "features": features,
    }
    _write_json(folder / "meta/info.json", info)
    return folder


def _fps(dataset: BagDataset) -> int:
    """Frames a second: of the steps, not of the control periods, where an action lasts several."""
    found: dict[int, str] = {}
    for part in dataset.parts:
        fps = max(1, round(1e9 / part.step_ns))
        if abs(fps * part.step_ns - 1e9) > _MOST_OFF * 1e9:
            dataset.tell(
                f"{part.bag.path} has {1e9 / part.step_ns:.3g} steps/s, and a LeRobot dataset a whole number: its times are "
                f"of {fps}"
            )
        found.setdefault(fps, str(part.bag.path))
    if len(found) > 1:
        rates = ", ".join(f"{fps} steps/s in {path}" for fps, path in list(found.items())[:3])
        raise DatasetError(
            f"a LeRobot dataset has one rate, and there are {rates}; export these bags into a folder each"
        )
    return next(iter(found))


def _even(side: int) -> int:
    """Return the width or height of a video's picture: H.264 has even ones, and the last row or column is repeated."""
    return side + side % 2


def _columns(
    dataset: BagDataset, episodes: list[Stretch], rows: NDArray[np.int64], fps: int
) -> dict[str, NDArray[Any]]:
    """Every column of the data file, (n,) or (n, k)."""
    n = len(rows)
    frame = np.concatenate([np.arange(len(stretch.rows)) for stretch in episodes])
    action = dataset.column("action")
    assert action is not None
    columns: dict[str, NDArray[Any]] = {"action": action[rows].astype(np.float32)}
    states = [part.arrays["position"][part.arrays["before"]] for part in dataset.parts if "position" in part.arrays]
    if sum(map(len, states)) == len(dataset):
        columns["observation.state"] = np.concatenate(states)[rows].astype(np.float32)
    truth = dataset.ground_truth()
    if truth is not None:
        columns["observation.environment_state"] = truth[rows].astype(np.float32)
    reward = dataset.column("reward")
    if reward is not None:
        columns["next.reward"] = reward[rows].astype(np.float32)
    done = np.zeros(n, dtype=bool)
    done[np.cumsum([len(stretch.rows) for stretch in episodes]) - 1] = True
    columns["next.done"] = done
    columns["timestamp"] = (frame / fps).astype(np.float32)
    columns["frame_index"] = frame.astype(np.int64)
    columns["episode_index"] = np.repeat(np.arange(len(episodes)), [len(stretch.rows) for stretch in episodes])
    columns["index"] = np.arange(n, dtype=np.int64)
    columns["task_index"] = np.zeros(n, dtype=np.int64)
    return columns


def _table(columns: dict[str, NDArray[Any]]) -> pa.Table:
    """Return the data file's table. LeRobot reads a feature of the shape [1] as a number, not as a list of one."""
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        flat = pa.array(values.reshape(-1))
        arrays[name] = flat if values.size == len(values) else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return pa.table(arrays)


def _features(dataset: BagDataset, columns: dict[str, NDArray[Any]], fps: int) -> dict[str, Any]:
    about = dataset.parts[0].about
    names: dict[str, Any] = {
        "action": about["action_labels"] if not dataset.discrete_actions else ["action"],
        "observation.state": about["joint_names"],
        "observation.environment_state": list(dataset.truth_names),
    }
    features: dict[str, Any] = {}
    for name, values in columns.items():
        size = list(values.shape[1:]) or [1]
        features[name] = {"dtype": str(values.dtype), "shape": size, "names": names.get(name)}
    height, width, channels = _even(dataset.image_shape[0]), _even(dataset.image_shape[1]), dataset.image_shape[2]
    for camera in dataset.cameras:
        features[f"observation.images.{camera}"] = {
            "dtype": "video",
            "shape": [height, width, channels],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "video.fps": fps,
                "video.channels": channels,
                "has_audio": False,
            },
        }
    return features


def _episode_table(
    dataset: BagDataset, columns: dict[str, NDArray[Any]], lengths: NDArray[np.int64], task: str, fps: int
) -> pa.Table:
    import pyarrow as pa

    ends = np.cumsum(lengths)
    begins = ends - lengths
    n = len(lengths)
    zeros = np.zeros(n, dtype=np.int64)
    table: dict[str, Any] = {
        "episode_index": np.arange(n),
        "tasks": pa.array([[task]] * n),
        "length": lengths,
        "dataset_from_index": begins,
        "dataset_to_index": ends,
        "data/chunk_index": zeros,
        "data/file_index": zeros,
        "meta/episodes/chunk_index": zeros,
        "meta/episodes/file_index": zeros,
    }
    for camera in dataset.cameras:
        key = f"videos/observation.images.{camera}"
        table |= {f"{key}/chunk_index": zeros, f"{key}/file_index": zeros}
        table |= {f"{key}/from_timestamp": begins / fps, f"{key}/to_timestamp": ends / fps}
    for name, values in columns.items():
        stats = [_statistics(values[begin:end]) for begin, end in zip(begins, ends)]
        for kind in stats[0]:
            table[f"stats/{name}/{kind}"] = pa.array([entry[kind] for entry in stats])
    return pa.table(table)


def _write_video(dataset: BagDataset, camera: int, rows: NDArray[np.int64], folder: Path, fps: int) -> dict[str, Any]:
    """Write the images of one camera, and return their statistics: of each colour, 0 to 1, (3, 1, 1)."""
    import av

    height, width, _ = dataset.image_shape
    path = folder / VIDEO.format(video_key=f"observation.images.{dataset.cameras[camera]}", **_FIRST)
    path.parent.mkdir(parents=True)
    total, squares = np.zeros(3), np.zeros(3)
    low, high = np.full(3, 255.0), np.zeros(3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_CODEC, rate=fps, options={"crf": _QUALITY, "g": _GROUP})
        stream.width, stream.height, stream.pix_fmt = _even(width), _even(height), "yuv420p"
        stream.time_base = Fraction(1, fps)
        number = 0
        for begin in range(0, len(rows), _BATCH):
            images = dataset.gather(rows[begin : begin + _BATCH]).images[:, camera]
            scaled = images.reshape(-1, 3) / 255.0
            total, squares = total + scaled.sum(axis=0), squares + (scaled**2).sum(axis=0)
            low, high = np.minimum(low, scaled.min(axis=0)), np.maximum(high, scaled.max(axis=0))
            for image in images:
                even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
                frame.pts, number = number, number + 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    pixels = len(rows) * height * width
    mean = total / pixels
    deviation = np.sqrt(np.maximum(squares / pixels - mean**2, 0.0))
    stats = {"min": low, "max": high, "mean": mean, "std": deviation}
    return {name: values.reshape(3, 1, 1).tolist() for name, values in stats.items()} | {"count": [len(rows)]}


def _statistics(values: NDArray[Any]) -> dict[str, Any]:
    """Minimum, maximum, mean, standard deviation, count and quantiles of a column, as lists."""
    numbers = values.astype(np.float64).reshape(len(values), -1)
    found = {
        "min": numbers.min(axis=0).tolist(),
        "max": numbers.max(axis=0).tolist(),
        "mean": numbers.mean(axis=0).tolist(),
        "std": numbers.std(axis=0).tolist(),
        "count": [len(values)],
    }
    return found | {name: np.quantile(numbers, share, axis=0).tolist() for name, share in _QUANTILES.items()}


def _with_pandas_index(table: pa.Table, index: str) -> pa.Table:
    """Tell pandas, with which LeRobot reads the tasks, which column is the index."""
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_type, "metadata": None}
        for name, kind, numpy_type in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]
    told = {"index_columns": [index], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    return table.replace_schema_metadata({"pandas": json.dumps(told)})


def _write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=4), encoding="utf-8")
