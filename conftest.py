"""What holds for the tests of both packages."""

import signal

import hypothesis

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_configure() -> None:
    """Ctrl-C reaches the programs that are tested, also where a shell runs the tests in the background.

    Such a shell has SIGINT ignored, and a program that is started with an ignored signal leaves it so.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
