"""Log in, count visits and flash a message in Bottle. Run it with: python -m examples.bottle_app"""

from html import escape

from bottle import Bottle, HTTPResponse, redirect, request

from examples.page import PAGE
from wsgi_chaisession import ChaiStore, Session, SessionMiddleware


def create_app(store: ChaiStore) -> SessionMiddleware:
    """Return the application; its sessions are in ``store``."""
    app = Bottle()

    def index() -> str:
        session = current_session()
        session["visits"] = session.get_as("visits", int, default=0) + 1
        return PAGE.format(
            flashes=escape(" ".join(flash.message for flash in session.flashes())),
            user=escape(session.get_as("user", str, default="stranger")),
            visits=session["visits"],
        )

    def login() -> HTTPResponse:
        session = current_session()
        session.renew_token()  # a token known before the login must be worth nothing after it
        session["user"] = request.forms.name
        session.flash(f"Welcome, {session['user']}.")
        return redirect("/", 303)

    def logout() -> HTTPResponse:
        current_session().destroy()
        return redirect("/", 303)

    app.get("/", callback=index)
    app.post("/login", callback=login)
    app.post("/logout", callback=logout)
    return SessionMiddleware(app, store)


def current_session() -> Session:
    """Return the session of the request under way."""
    session: Session = request.environ["chaisession.session"]
    return session


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 4000, create_app(ChaiStore("chai_db"))) as server:
        print("Visit http://127.0.0.1:4000/")
        server.serve_forever()
