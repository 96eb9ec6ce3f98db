"""Log in, count visits and flash a message in Flask. Run it with: flask --app examples.flask_app run"""

from html import escape

from flask import Flask, redirect, request
from werkzeug import Response

from wsgi_chaisession import ChaiStore, Session, SessionMiddleware

PAGE = """<!doctype html><title>Visits</title>
<p>{flashes}</p>
<p>Hello {user}, this is visit {visits}.</p>
<form method="post" action="/login"><label>Name <input name="name"></label><button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
"""


def create_app(store: ChaiStore | str) -> Flask:
    """Return the application; its sessions are in ``store``."""
    app = Flask(__name__)
    sessions = ChaiStore(store) if isinstance(store, str) else store
    app.wsgi_app = SessionMiddleware(app.wsgi_app, sessions)  # type: ignore[method-assign]

    @app.get("/")
    def index() -> str:
        session = current_session()
        session["visits"] = session.get_as("visits", int, default=0) + 1
        return PAGE.format(
            flashes=escape(" ".join(flash.message for flash in session.flashes())),
            user=escape(session.get_as("user", str, default="stranger")),
            visits=session["visits"],
        )

    @app.post("/login")
    def login() -> Response:
        session = current_session()
        session.renew_token()  # a token known before the login must be worth nothing after it
        session["user"] = request.form["name"]
        session.flash(f"Welcome, {session['user']}.")
        return redirect("/", 303)

    @app.post("/logout")
    def logout() -> Response:
        current_session().destroy()
        return redirect("/", 303)

    return app


def current_session() -> Session:
    """Return the session of the request under way."""
    session: Session = request.environ["chaisession.session"]
    return session


app = create_app("chai_db")
