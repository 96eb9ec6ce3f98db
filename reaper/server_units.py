"""The units of the database's server: those that chai-python ships, for one directory and one user."""

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from string import Template

SERVICE, SOCKET = "chaisqld.service", "chaisqld.socket"

# What differs from the units as shipped, by the key of the line; None leaves the line out.
Changes = Mapping[str, str | None]

_SERVICE: Changes = {
    "Description": "Description=Chai database server for $store",
    "ExecStart": "ExecStart=$chaisql serve $store_argument",
    "User": "User=$user",
    "Group": None,
    "StateDirectory": "$writable",
    "StateDirectoryMode": None,
    # The program is in a virtual environment, which may be in somebody's home.
    "ProtectHome": "ProtectHome=read-only",
}
# The socket is below /tmp, because the path is too long for one; that has to be the clients' /tmp too.
_WITHOUT_SOCKET: Changes = {"Requires": None, "After": "After=network.target", "PrivateTmp": None}
_SOCKET: Changes = {
    # systemd would make a missing directory, as root. Without this unit the server makes its own socket.
    "Description": "Description=Socket of the Chai database in $store\n"
    "ConditionPathIsDirectory=$socket_folder",
    "ListenStream": "ListenStream=$socket_folder/.s.PGSQL.5432",
    "SocketUser": "SocketUser=$user",
    "SocketGroup": None,
}


def server_units(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield names and texts; without `socket_folder` there is no socket unit."""
    with_socket = "socket_folder" in values
    yield SERVICE, _unit(SERVICE, _SERVICE if with_socket else {**_SERVICE, **_WITHOUT_SOCKET}, values)
    if with_socket:
        yield SOCKET, _unit(SOCKET, _SOCKET, values)


def _unit(name: str, changes: Changes, values: Mapping[str, str]) -> str:
    shipped = resources.files("chaisql").joinpath("systemd", name).read_text()
    # The head tells who copies the file by hand what to change.
    lines = shipped[shipped.index("[Unit]") :].splitlines() if name == SERVICE else shipped.splitlines()
    return "\n".join(_changed(lines, changes, values)) + "\n"


def _changed(lines: list[str], changes: Changes, values: Mapping[str, str]) -> Iterator[str]:
    """Put each changed line where the first of its key is."""
    left = dict(changes)
    for line in lines:
        found = re.match(r"(\w+)=", line)
        if found is None or found[1] not in changes:
            yield line.replace(", /var/lib/chaisqld here", "")
        elif (change := left.pop(found[1], None)) is not None:
            yield Template(change).substitute(values)
    if left:
        raise ValueError(f"the unit has no {', '.join(left)}")
