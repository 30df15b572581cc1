"""A dataset's description, contact sheet and exports."""

from __future__ import annotations

from pathlib import Path

from srl_ros.data.bag_dataset import BagDataset
from srl_ros.data.contact_sheet import save_contact_sheet
from srl_ros.data.description import describe
from srl_ros.data.exports import export


class Shown:
    """The functions of a dataset that the command line uses."""

    def __init__(self, dataset: BagDataset):
        self.dataset = dataset

    def text(self) -> str:
        """Return its content in words."""
        return describe(self.dataset)

    def save_contact_sheet(self, path: Path, rows: int, columns: int) -> None:
        """Write a picture of it."""
        save_contact_sheet(self.dataset, path, rows, columns)

    def export(self, kind: str, folder: Path) -> Path:
        """Write it in another format; returns where it is."""
        return export(self.dataset, kind, folder)
