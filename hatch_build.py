"""What a package index shows of the project: the README, with links that work there."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!https?:)(?P<path>[^)]+)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Add the README as the description, and the address of the repository as `urls`.

    The address is the setting ``repository`` in ``pyproject.toml``.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme`` and ``urls`` of the project."""
        repository = self.config.get("repository", "").rstrip("/")
        page = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = on_index(page, repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if repository:
            metadata["urls"] = {
                "Source": repository,
                "Documentation": f"{repository}/blob/main/docs/index.md",
                "Changelog": f"{repository}/blob/main/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }


def on_index(page: str, repository: str) -> str:
    """Return the page with links and pictures that lead into the repository.

    Without its address, a link becomes its text, and a picture is left out. So does a link within
    the page: an index need not give headings the names that the repository gives them.
    """

    def full(link: re.Match[str]) -> str:
        picture, text, path = link.group("picture", "text", "path")
        if not repository or path.startswith("#"):
            return "" if picture else text
        return f"{picture}[{text}]({repository}/{'raw' if picture else 'blob'}/main/{path})"

    return re.sub(r"\n{3,}", "\n\n", LINK.sub(full, page))
