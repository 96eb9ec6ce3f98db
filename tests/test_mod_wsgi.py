"""Apache with mod_wsgi, as Debian and Ubuntu package them, configured in a throwaway folder."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from webservers import APPS, free_port, running, visit_all_workers

MODULES = Path("/usr/lib/apache2/modules")
# mod_wsgi brings the Python that it was built for, and can use this one's packages if it is the same version.
FITTING = MODULES / f"mod_wsgi.so-{sys.version_info.major}.{sys.version_info.minor}"

CONFIGURATION = """
ServerName localhost
ServerRoot {root}
DefaultRuntimeDir {root}
PidFile {root}/apache.pid
ErrorLog {root}/error.log
Mutex file:{root}
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
StartServers 2
ServerLimit 2
ThreadsPerChild 4
MaxRequestWorkers 8
MinSpareThreads 8
MaxSpareThreads 8
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {apps}/counter.py
<Directory {apps}>
  Require all granted
</Directory>
"""
DAEMON = """
WSGISocketPrefix {root}/wsgi
WSGIRestrictEmbedded On
WSGIDaemonProcess counter processes=2 threads=4 home={root} python-path={path}
WSGIProcessGroup counter
"""
EMBEDDED = """
WSGIPythonPath {path}
"""


def apache() -> str:
    """The server's program; the test is skipped where that or its module is missing."""
    program = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or not (MODULES / "mod_wsgi.so").exists():
        pytest.skip("Apache is not installed: apt install apache2-bin libapache2-mod-wsgi-py3")
    if not FITTING.exists():
        found = ", ".join(path.name.rpartition("-")[2] for path in MODULES.glob("mod_wsgi.so-*"))
        pytest.skip(f"mod_wsgi is built for Python {found or 'unknown'}, which has not these tests' packages")
    return program


def unprivileged() -> list[str]:
    """What makes root somebody else, who may read root's checkout: Apache does not serve as root."""
    if os.geteuid():
        return []
    capability = "+dac_override"
    who = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    return ["setpriv", *who, f"--inh-caps={capability}", f"--ambient-caps={capability}", "--"]


def python_path() -> str:
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join([*map(os.path.abspath, given), sysconfig.get_path("purelib")])


@pytest.mark.parametrize("mode", [DAEMON, EMBEDDED], ids=["daemon processes", "embedded"])
def test_every_visitors_counter_is_exact_under_mod_wsgi(chai_dir: Path, tmp_path: Path, mode: str) -> None:
    program, port, root = apache(), free_port(), tmp_path / "apache"
    root.mkdir()
    text = CONFIGURATION + mode
    (tmp_path / "httpd.conf").write_text(
        text.format(root=root, port=port, modules=MODULES, apps=APPS, path=python_path())
    )
    command = [*unprivileged(), program, "-DFOREGROUND", "-f", str(tmp_path / "httpd.conf")]
    # mod_wsgi looks on PATH for its Python's home, and must not find another Python there.
    env = {"APP_STORE": str(chai_dir), "APP_TIMEOUT": "20", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        with running(command, env, port) as web:
            visit_all_workers(web.url, workers=2, forked=False)
    except AssertionError as error:
        error.add_note((root / "error.log").read_text()[-4000:])
        raise
