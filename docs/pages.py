"""What MkDocs has to be told about this tree: pages outside of docs/, and links as the sources have them.

The Markdown files are read where they are, too, so their links are relative to their own places. Here a
link to a page becomes one to that page, and a link to any other file of the tree becomes the file's path.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
OUTSIDE = {
    "index.md": "README.md",
    "chai-python.md": "chai-python/README.md",
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
PAGES = {source: page for page, source in OUTSIDE.items()} | {
    "benchmarks": "benchmarks.md",
    "chai-python": "chai-python.md",
}
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#\s]*)(#[^)\s]*)?\)")
BRACKETED = re.compile(r"^\s*`[^`]*`\s*$")


def on_files(files: Files, config: Any) -> Files:
    for page, source in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    uri = page.file.src_uri
    source = PurePosixPath(OUTSIDE.get(uri, f"docs/{uri}"))
    return LINK.sub(lambda link: _translated(link, source, uri), markdown)


def _translated(link: re.Match[str], source: PurePosixPath, uri: str) -> str:
    text, target, anchor = link[1], link[2], link[3] or ""
    path = os.path.normpath(source.parent / target)
    if not (ROOT / path).exists():
        raise FileNotFoundError(f"{source} has a link to {target}, which is not in the tree")
    page = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
    if page is None:
        return f"`{path}`" if BRACKETED.match(text) or text.strip("/") == path else f"{text} (`{path}`)"
    return f"[{text}]({os.path.relpath(page, PurePosixPath(uri).parent)}{anchor})"
