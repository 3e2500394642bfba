"""What a report is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.foreign_files import check_path
from ..base.parameters import parameter
from ..runs.request import Request


@dataclass(frozen=True)
class ReportRequest(Config):
    """What a report is asked."""

    key: str = parameter(Request.key, "Run", "The run that is reported")
    path: str = parameter("", "File", "The page to write, which ends in .html", empty="in the home folder", unit="FILE")
    images: int = parameter(20, "Images", "How many of the worst images are shown", within="[0, 200]")
    issues: int = parameter(10, "Issues", "How many issues are shown, those of the most suspects", within="[0, 100]")
    examples: int = parameter(3, "Examples", "How many suspects are shown of each issue", within="[0, 20]")
    overwrite: bool = parameter(False, "Replace the file if it is there")

    def validate(self) -> None:
        check_path(self.path, "path")
