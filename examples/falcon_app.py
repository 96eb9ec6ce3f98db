"""Log in, count visits and flash a message in Falcon. Run it with: python -m examples.falcon_app"""

from html import escape

from falcon import App, HTTPSeeOther, Request, Response

from examples.page import PAGE
from wsgi_chaisession import ChaiStore, Session, SessionMiddleware


class Page:
    def on_get(self, request: Request, response: Response) -> None:
        session = session_of(request)
        session["visits"] = session.get_as("visits", int, default=0) + 1
        response.content_type = "text/html; charset=utf-8"
        response.text = PAGE.format(
            flashes=escape(" ".join(flash.message for flash in session.flashes())),
            user=escape(session.get_as("user", str, default="stranger")),
            visits=session["visits"],
        )


class Login:
    def on_post(self, request: Request, _response: Response) -> None:
        session = session_of(request)
        session.renew_token()  # a token known before the login must be worth nothing after it
        session["user"] = request.get_media()["name"]
        session.flash(f"Welcome, {session['user']}.")
        raise HTTPSeeOther("/")


class Logout:
    def on_post(self, request: Request, _response: Response) -> None:
        session_of(request).destroy()
        raise HTTPSeeOther("/")


def create_app(store: ChaiStore) -> SessionMiddleware:
    """Return the application; its sessions are in ``store``."""
    app = App()
    app.add_route("/", Page())
    app.add_route("/login", Login())
    app.add_route("/logout", Logout())
    return SessionMiddleware(app, store)


def session_of(request: Request) -> Session:
    """Return the session of the request under way."""
    session: Session = request.env["chaisession.session"]
    return session


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 4000, create_app(ChaiStore("chai_db"))) as server:
        print("Visit http://127.0.0.1:4000/")
        server.serve_forever()
