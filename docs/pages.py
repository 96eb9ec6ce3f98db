"""What MkDocs has to be told about this tree: pages outside of docs/, programs as pages, and links.

The Markdown files are read where they are, too, so their links are relative to their own places. Here a
link to a page becomes one to that page, and a link to any other file of the tree becomes the file's path.
"""

import ast
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
# Title and files of each page; the first module's docstring is its introduction.
PROGRAMS = {
    "examples/hello.md": ("Bare WSGI", ["examples/hello.py"]),
    "examples/flask.md": ("Flask", ["examples/flask_app.py"]),
    "examples/django.md": ("Django", ["examples/django_app.py", "examples/page.py"]),
    "examples/bottle.md": ("Bottle", ["examples/bottle_app.py", "examples/page.py"]),
    "examples/pyramid.md": ("Pyramid", ["examples/pyramid_app.py", "examples/page.py"]),
    "examples/falcon.md": ("Falcon", ["examples/falcon_app.py", "examples/page.py"]),
    "examples/demo.md": ("The demo", ["examples/demo/app.py", "examples/demo/settings.py"]),
    "examples/deploy.md": (
        "supervisord and containers",
        ["examples/deploy/supervisord.conf", "examples/deploy/Containerfile"],
    ),
}
LANGUAGES = {".py": "python", ".conf": "ini", "": "dockerfile"}  # by the end of a file's name
PAGES = (
    {source: page for page, source in OUTSIDE.items()}
    | {sources[0]: page for page, (_, sources) in PROGRAMS.items()}
    | {
        "benchmarks": "benchmarks.md",
        "chai-python": "chai-python.md",
        "examples/demo": "examples/demo.md",
        "examples/deploy": "examples/deploy.md",
    }
)
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#\s]*)(#[^)\s]*)?\)")
BRACKETED = re.compile(r"^\s*`[^`]*`\s*$")


def on_files(files: Files, config: Any) -> Files:
    for page, source in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    for page, (title, sources) in PROGRAMS.items():
        files.append(File.generated(config, page, content=_listing(title, sources)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    uri = page.file.src_uri
    if uri in PROGRAMS:
        return markdown
    source = PurePosixPath(OUTSIDE.get(uri, f"docs/{uri}"))
    return LINK.sub(lambda link: _translated(link, source, uri), markdown)


def _listing(title: str, sources: list[str]) -> str:
    """A page that shows whole files."""
    parts = [f"# {title}"]
    for source in sources:
        text = (ROOT / source).read_text(encoding="utf-8")
        suffix = PurePosixPath(source).suffix
        if source == sources[0] and suffix == ".py":
            parts.append(ast.get_docstring(ast.parse(text)) or "")
        parts.append(f"## `{source}`\n\n```{LANGUAGES[suffix]}\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _translated(link: re.Match[str], source: PurePosixPath, uri: str) -> str:
    text, target, anchor = link[1], link[2], link[3] or ""
    path = os.path.normpath(source.parent / target)
    if not (ROOT / path).exists():
        raise FileNotFoundError(f"{source} has a link to {target}, which is not in the tree")
    page = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
    if page is None:
        return f"`{path}`" if BRACKETED.match(text) or text.strip("/") == path else f"{text} (`{path}`)"
    return f"[{text}]({os.path.relpath(page, PurePosixPath(uri).parent)}{anchor})"
