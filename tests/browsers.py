"""Chromium, driven as a person drives it: a profile of its own, and no way to the network."""

import base64
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",  # it refuses to run as root otherwise; it sees nothing but our own pages
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--window-size=1100,1000",
    # Every name under .test is this machine, and no other name is anything.
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
BLOCK_THIRD_PARTY_COOKIES = {"profile.cookie_controls_mode": 1}


@contextmanager
def chromium(profile: Path, certificate: Path) -> Iterator[Chrome]:
    """A browser that blocks third-party cookies and trusts the holder of *certificate*'s key alone.

    The test is skipped where there is no browser.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("there is no browser, or no driver for it: apt install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={profile}", _trusting(certificate)):
        options.add_argument(flag)
    options.add_experimental_option("prefs", BLOCK_THIRD_PARTY_COOKIES)
    browser = Chrome(options=options, service=Service(executable_path=driver))
    try:
        browser.set_page_load_timeout(60)
        browser.set_script_timeout(60)
        browser.implicitly_wait(10)
        yield browser
    finally:
        browser.quit()


def forget_everything(browser: Chrome) -> None:
    """Drop all cookies and all tabs but one, which becomes empty."""
    for tab in browser.window_handles[1:]:
        browser.switch_to.window(tab)
        browser.close()
    browser.switch_to.window(browser.window_handles[0])
    browser.get("about:blank")
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def _trusting(certificate: Path) -> str:
    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "--ignore-certificate-errors-spki-list=" + base64.b64encode(hashlib.sha256(key).digest()).decode()
