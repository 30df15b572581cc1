"""Datasets in the formats of other programs. Each needs packages of its own, which are extras of this one."""

from __future__ import annotations

from pathlib import Path

from robot_interface_ros.files.atomic_file import replacing
from srl_ros.data.bag_dataset import BagDataset
from srl_ros.data.export_lerobot import write_lerobot
from srl_ros.data.export_minari import write_minari
from srl_ros.transitions import DatasetError


def export(dataset: BagDataset, kind: str, folder: Path) -> Path:
    """Write a dataset as `minari` or `lerobot` into a new folder; returns where it is. Raises DatasetError, one line."""
    if folder.exists():
        raise DatasetError(f"{folder} exists; give another folder: to:=...")
    if not dataset.cameras and not dataset.truth_names:
        raise DatasetError("this dataset has neither images nor ground truth, and an export needs one of them")
    if "action" not in dataset.has:
        raise DatasetError("this dataset has no actions, and an export needs them")
    if kind == "minari" and "reward" not in dataset.has:
        dataset.tell(
            "Minari needs rewards, and this dataset has none: all are 0 in the export; task:=reach computes those of a task"
        )
    write = write_minari if kind == "minari" else write_lerobot
    try:
        with replacing(folder) as hidden:  # a kill leaves no part that passes for a dataset
            write(dataset, hidden)
        return folder
    except ImportError as error:
        raise DatasetError(
            f"export:={kind} needs the package {error.name}; install it with pip install '.[{kind}]' in the folder of "
            f"rl_trainer_ros{' (Python 3.11 or newer)' if kind == 'minari' else ''}"
        ) from None
    except OSError as error:
        raise DatasetError(f"the export cannot be written to {folder}: {error.strerror or error}") from None
