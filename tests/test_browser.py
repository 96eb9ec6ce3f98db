"""What a real browser makes of our cookies: the demonstration, and pages over TLS."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import trustme
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from browsers import chromium, forget_everything
from chaisql.address import published_address
from chaisql.cli import main as chaisql_main
from demonstration import Demo, demos
from webservers import serving

# A browser opens connections that it may not use: greenlets do not mind, a few threads would all wait.
SERVER = ["gunicorn", "--workers=2", "--worker-class=gevent", "--bind=127.0.0.1:0"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its own folder's chain.pem; key.pem lies beside it."""
    folder = tmp_path_factory.mktemp("tls")
    issued = trustme.CA().issue_cert("shop.test", "sub.shop.test", "news.test", "blog.test")
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(folder / "chain.pem"), append=True)
    return folder / "chain.pem"


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Chrome]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        with chromium(tmp_path_factory.mktemp("profile"), certificate) as browser:
            yield browser


@pytest.fixture
def browser(one_browser: Chrome) -> Iterator[Chrome]:
    yield one_browser
    forget_everything(one_browser)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    with demos(tmp_path / "db") as start:
        yield start


def text(browser: Chrome, selector: str = "body") -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


@contextmanager
def leaving(browser: Chrome) -> Iterator[None]:
    """Wait until what is done inside has led to another page: a click and "back" may return before that.

    Between the two pages there is none that could be asked, and chromedriver has many words for that.
    """
    mark = uuid4().hex
    browser.execute_script("window.left = arguments[0]", mark)
    yield
    arrived = "return window.left !== arguments[0] && document.readyState === 'complete'"
    WebDriverWait(browser, 60, ignored_exceptions=[WebDriverException]).until(
        lambda browser: browser.execute_script(arrived, mark)
    )


def submit(browser: Chrome, action: str, **fields: str) -> None:
    form = browser.find_element(By.CSS_SELECTOR, f'form[action="{action}"]')
    for name, value in fields.items():
        field = form.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)
    with leaving(browser):
        form.find_element(By.TAG_NAME, "button").click()


def token(browser: Chrome) -> str:
    cookie: dict[str, Any] | None = browser.get_cookie("session")
    assert cookie is not None
    return str(cookie["value"])


def test_a_login_outlives_the_servers_but_not_the_logout(browser: Chrome, start: Callable[..., Demo]) -> None:
    demo = start()
    browser.get(demo.url)
    before = token(browser)
    submit(browser, "/login", name="Ada")
    assert text(browser, "#h-user") == "Hello, Ada"
    assert token(browser) != before

    pid = published_address(demo.directory).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    demo.end()
    demo = start(demo.port)
    browser.get(demo.url)
    assert text(browser, "#h-user") == "Hello, Ada"
    assert text(browser, ".figure strong") == "3"

    old = token(browser)
    submit(browser, "/logout")
    assert text(browser, "#h-user") == "Log in"
    assert token(browser) != old
    with leaving(browser):
        browser.back()
    assert text(browser, "#h-user") == "Log in"
    assert "Ada" not in browser.page_source

    thief = requests.get(demo.url, cookies={"session": old}, timeout=60)
    assert "Ada" not in thief.text
    assert thief.cookies["session"] != old
    assert "no-store" in thief.headers["Cache-Control"]


def test_two_tabs_share_what_each_of_them_keeps(browser: Chrome, start: Callable[..., Demo]) -> None:
    demo = start()
    browser.get(demo.url)
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(demo.url)
    submit(browser, "/login", name="Ada")
    assert text(browser, "#h-user") == "Hello, Ada"
    browser.switch_to.window(first)  # its page is from before the login
    submit(browser, "/flash", message="kept by the first tab")
    assert text(browser, ".notice:last-of-type") == "kept by the first tab"
    assert text(browser, "#h-user") == "Hello, Ada"
    assert text(browser, ".figure strong") == "4"


class Sites:
    """Pages over TLS under several names, one kind of cookie at a time."""

    def __init__(self, browser: Chrome, port: str) -> None:
        self.browser = browser
        self.kind = "usual"
        self._port = port

    def url(self, name: str, path: str) -> str:
        return f"https://{name}.test:{self._port}/{self.kind}{path}"

    def visit(self, name: str) -> int:
        """The count at *name*, opened by itself."""
        self.browser.get(self.url(name, "/visit"))
        return int(text(self.browser, "output"))

    def visit_framed(self, name: str, *, top: str) -> int:
        """The count at *name*, in a frame on a page of *top*."""
        self.browser.get(self.url(top, f"/frame?of={self.url(name, '/visit')}"))
        self.browser.switch_to.frame(self.browser.find_element(By.TAG_NAME, "iframe"))
        return int(text(self.browser, "output"))

    def cookie(self) -> Any:
        """The one cookie of the page that is shown, as the browser keeps it."""
        (cookie,) = self.browser.execute_cdp_cmd("Network.getCookies", {})["cookies"]
        return cookie


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("visits") / "db"
    argv = [*SERVER, f"--certfile={certificate}", f"--keyfile={certificate.with_name('key.pem')}"]
    with serving(argv, directory, app="visits") as web:
        yield web.url.rpartition(":")[2]
    chaisql_main(["stop", str(directory)])


@pytest.fixture
def sites(browser: Chrome, one_server: str) -> Sites:
    return Sites(browser, one_server)


START_WRITING = """
const [name] = arguments;
const puts = [...Array(40).keys()].map(i => fetch(`put?key=${name}${i}`));
window.written = Promise.all(puts).then(answers => answers.map(answer => answer.status));
"""
STATUSES = "window.written.then(arguments[0]);"


def test_two_tabs_that_write_at_once_lose_nothing(sites: Sites) -> None:
    browser, tabs = sites.browser, {}
    assert sites.visit("shop") == 1
    tabs["a"] = browser.current_window_handle
    browser.switch_to.new_window("tab")
    assert sites.visit("shop") == 2
    tabs["b"] = browser.current_window_handle
    for name, tab in tabs.items():
        browser.switch_to.window(tab)
        browser.execute_script(START_WRITING, name)
    for tab in tabs.values():
        browser.switch_to.window(tab)
        assert browser.execute_async_script(STATUSES) == [200] * 40
    browser.get(sites.url("shop", "/keys"))
    everything = [f"{name}{i}" for name in tabs for i in range(40)]
    assert json.loads(text(browser, "output")) == sorted([*everything, "visits"])


def test_a_host_cookie_is_this_hosts_alone(sites: Sites) -> None:
    sites.kind = "host"
    assert [sites.visit("shop"), sites.visit("shop")] == [1, 2]
    cookie = sites.cookie()
    assert (cookie["name"], cookie["domain"], cookie["path"]) == ("__Host-session", "shop.test", "/")
    assert cookie["secure"]
    assert cookie["httpOnly"]
    assert sites.browser.execute_script("return document.cookie") == ""
    assert sites.visit("sub.shop") == 1
    assert sites.visit("shop") == 3


def test_a_partitioned_cookie_makes_one_session_per_top_site(sites: Sites) -> None:
    sites.kind = "partitioned"
    assert [sites.visit_framed("shop", top="news") for _ in range(2)] == [1, 2]
    assert sites.cookie()["partitionKey"]["topLevelSite"] == "https://news.test"
    assert sites.visit_framed("shop", top="blog") == 1
    assert sites.visit("shop") == 1
    assert sites.visit_framed("shop", top="news") == 3
    assert sites.visit("shop") == 2


def test_an_unpartitioned_cookie_is_withheld_from_frames(sites: Sites) -> None:
    sites.kind = "unpartitioned"
    assert [sites.visit("shop"), sites.visit("shop")] == [1, 2]
    assert [sites.visit_framed("shop", top="news") for _ in range(2)] == [1, 1]
