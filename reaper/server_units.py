"""The units of the database's server: those that chai-python ships, for one directory and one user."""

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from string import Template

from reaper.unit_names import named

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
# What the comments of the units as shipped say of their directory and user.
_COMMENTS = {
    ", /var/lib/chaisqld here": "",
    "CHAISQLD_AUTH_FILE=/var/lib/chaisqld/users": "$users_setting",
    "/var/lib/chaisqld/users": "$users",
    "sudo -u chaisqld ": "sudo -u $user ",
}
# The socket is below /tmp, because the path is too long for one; that has to be the clients' /tmp too.
_WITHOUT_SOCKET: Changes = {"Requires": None, "After": "After=network.target", "PrivateTmp": None}
_SOCKET: Changes = {
    # systemd would make a missing directory, as root. Without this unit the server makes its own socket.
    # An assertion and no condition: what was enabled too early fails, and is not skipped without a word.
    "Description": "Description=Socket of the Chai database in $store\nAssertPathIsDirectory=$socket_folder",
    "ListenStream": "ListenStream=$socket_folder/.s.PGSQL.5432",
    "SocketUser": "SocketUser=$user",
    "SocketGroup": None,
}


def server_units(values: Mapping[str, str], name: str | None) -> Iterator[tuple[str, str]]:
    """Yield the units' names as shipped, and texts in which they have `name` in theirs.

    Without `socket_folder` there is no socket unit.
    """
    with_socket = "socket_folder" in values
    changes = _SERVICE if with_socket else {**_SERVICE, **_WITHOUT_SOCKET}
    yield SERVICE, _unit(SERVICE, changes, values, name)
    if with_socket:
        yield SOCKET, _unit(SOCKET, _SOCKET, values, name)


def _unit(file: str, changes: Changes, values: Mapping[str, str], name: str | None) -> str:
    shipped = named(resources.files("chaisql").joinpath("systemd", file).read_text(), name)
    # The head tells who copies the file by hand what to change.
    lines = shipped[shipped.index("[Unit]") :].splitlines() if file == SERVICE else shipped.splitlines()
    return "\n".join(_changed(lines, changes, values)) + "\n"


def _changed(lines: list[str], changes: Changes, values: Mapping[str, str]) -> Iterator[str]:
    """Put each changed line where the first of its key is."""
    left = dict(changes)
    for line in lines:
        found = re.match(r"(\w+)=", line)
        if found is None or found[1] not in changes:
            yield _comment(line, values) if line.startswith("#") else line
        elif (change := left.pop(found[1], None)) is not None:
            yield Template(change).substitute(values)
    if left:
        raise ValueError(f"the unit has no {', '.join(left)}")


def _comment(line: str, values: Mapping[str, str]) -> str:
    for shipped, here in _COMMENTS.items():
        line = line.replace(shipped, Template(here).substitute(values))
    return line
