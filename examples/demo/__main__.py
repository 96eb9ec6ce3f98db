"""Start the demonstration: ``python -m examples.demo``."""

import socket
import subprocess
import sys
from pathlib import Path

from examples.demo import settings
from examples.demo.processes import run_together, stop_signals
from wsgi_chaisession import ChaiStore, SessionError

GRACE = 5.0  # seconds


def main() -> int:
    """Check, prepare, run until Ctrl-C, clean up."""
    try:
        port = settings.port()
        directory = settings.directory()
        _check_port(port)
        with stop_signals() as news:
            try:
                _prepare(directory)
                print(
                    f"The demo is at http://{settings.HOST}:{port}/ (database {directory}); Ctrl-C ends it.",
                    flush=True,
                )
                trouble = run_together(_commands(port, directory), news, directory=settings.ROOT, grace=GRACE)
            finally:
                _stop_server(directory)
    except (ValueError, SessionError) as error:
        trouble = str(error)
    if trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    print("The demo has ended; its sessions are kept.")
    return 0


def _commands(port: int, directory: Path) -> dict[str, list[str]]:
    python = sys.executable
    gunicorn = [
        python,
        "-m",
        "gunicorn",
        "--bind",
        f"{settings.HOST}:{port}",
        "--workers",
        str(settings.WORKERS),
        "--threads",
        str(settings.THREADS),
        "--keep-alive",
        "0",  # so that the workers take turns
    ]
    reaper = [python, "-m", "reaper", "run", str(directory), "--interval", settings.REAPER_INTERVAL]
    return {
        "the web server": [
            *gunicorn,
            "--graceful-timeout",
            "3",
            "--no-control-socket",
            "examples.demo.app:app",
        ],
        "the reaper": reaper,
    }


def _check_port(port: int) -> None:
    """Say in one line what gunicorn would tell after five tries."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, port))
        except OSError as error:
            raise ValueError(
                f"cannot listen on {settings.HOST}:{port} ({error.strerror}): "
                f"choose another port, such as PORT={port + 1} make demo"
            ) from None


def _prepare(directory: Path) -> None:
    """Make the database on the first start; the reaper never does."""
    store = ChaiStore(directory)
    try:
        store.create_schema()
    finally:
        store.close()


def _stop_server(directory: Path) -> None:
    """Stop the chaisqld that the workers started on demand; it would leave by itself a minute later."""
    subprocess.run(
        [sys.executable, "-m", "chaisql", "stop", str(directory)],
        stdout=subprocess.DEVNULL,
        check=False,
        start_new_session=True,
    )


sys.exit(main())
