"""The demonstration's web application: one page about this browser's session, and the buttons on it."""

import hmac
import os
import secrets
from datetime import UTC, datetime
from typing import Any

from flask import Flask, redirect, render_template, request, url_for
from werkzeug import Response

from examples.demo import settings
from examples.demo.numbers import numbers
from wsgi_chaisession import ChaiStore, Session, SessionMiddleware
from wsgi_chaisession.tokens import generate, hash_token, label

app = Flask(__name__)
store = ChaiStore(settings.directory())
app.wsgi_app = SessionMiddleware(  # type: ignore[method-assign]
    app.wsgi_app,
    store,
    lifetime=settings.LIFETIME,
    idle_timeout=settings.IDLE_TIMEOUT,
)


def current_session() -> Session:
    """Return this browser's session. Nothing is read from the store before it is used."""
    session: Session = request.environ["chaisession.session"]
    return session


@app.before_request
def refuse_forged_forms() -> tuple[str, int] | None:
    """Accept a form only with the token that this session's page carried."""
    if request.method != "POST":
        return None
    expected = current_session().get_as("csrf", str, default="")
    if expected and hmac.compare_digest(expected.encode(), request.form.get("csrf", "").encode()):
        return None
    return page(problem="This form's session has ended. Nothing was changed; please try again."), 400


@app.after_request
def restrict_the_page(response: Any) -> Any:
    """Allow nothing on the page but its own style, script and forms, and no copy of it."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["Cache-Control"] = "no-store"  # or the back button shows the page from before the logout
    return response


@app.get("/")
def index() -> str:
    """Count the visit and show the page."""
    session = current_session()
    session["visits"] = session.get_as("visits", int, default=0) + 1
    return page()


@app.post("/flash")
def flash() -> Response:
    """Keep a message for the next page."""
    if message := request.form.get("message", "").strip()[:200]:
        current_session().flash(message)
    return back()


@app.post("/login")
def login() -> Response:
    """Log in: a new token, so that one known before is worth nothing; the values stay."""
    if name := request.form.get("name", "").strip()[:40]:
        session = current_session()
        session.renew_token()
        session["user"] = name
        session.flash(f"Welcome, {name}. Your session has a new token, and the visits were kept.")
    return back()


@app.post("/logout")
def logout() -> Response:
    """Log out: the row is deleted and the cookie goes."""
    current_session().destroy()
    return back()


@app.post("/guests")
def guests() -> Response:
    """Make sessions that nobody will come back for, as crawlers do, so that the reaper has work."""
    expiry = datetime.now(UTC) + settings.GUEST_LIFETIME
    for _ in range(settings.GUESTS):
        store.insert(hash_token(generate()), b"guest", expiry)
    current_session().flash(
        f"Made {settings.GUESTS} guest sessions; they expire in {settings.GUEST_LIFETIME.seconds} seconds."
    )
    return back()


@app.get("/numbers")
def live_numbers() -> dict[str, Any]:
    """Return what changes by itself. Touches no session: no load, no save, no cookie."""
    return numbers(store, settings.directory())


def back() -> Response:
    """Answer a form with the page's address, so that a reload does not send the form again."""
    return redirect(url_for("index"), 303)


def page(problem: str = "") -> str:
    """Render the page for this browser's session."""
    session = current_session()
    csrf = session.setdefault("csrf", secrets.token_urlsafe(16))
    now = datetime.now(UTC)
    return render_template(
        "page.html",
        problem=problem,
        flashes=session.flashes(),
        visits=session.get_as("visits", int, default=0),
        user=session.get_as("user", str, default=""),
        name=label(hash_token(session.token)) if session.token else "",
        csrf=csrf,
        pid=os.getpid(),
        now=now,
        idle_expiry=min(session.deadline, now + settings.IDLE_TIMEOUT),
        deadline=session.deadline,
        settings=settings,
        **numbers(store, settings.directory()),
    )
