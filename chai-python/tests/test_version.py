"""Package and server are made together, and say so."""

import subprocess
from importlib import metadata

import chaisql


def test_the_server_is_of_the_packages_version() -> None:
    told = subprocess.check_output([chaisql.find_server(), "version"], text=True, timeout=30)
    assert told == f"chaisqld {chaisql.VERSION}\n"


def test_the_distribution_is_of_the_packages_version() -> None:
    assert metadata.version("chai-python") == chaisql.VERSION


def test_a_connection_tells_the_servers_version() -> None:
    with chaisql.connect(":memory:") as connection:
        told = connection.info.parameter_status("server_version")
    assert told is not None
    assert told.endswith(f"(chaisqld {chaisql.VERSION})")
