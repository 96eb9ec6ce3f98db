"""Log in, count visits and flash a message in Pyramid. Run it with: python -m examples.pyramid_app"""

from html import escape

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response

from examples.page import PAGE
from wsgi_chaisession import ChaiStore, Session, SessionMiddleware


def index(request: Request) -> Response:
    session = session_of(request)
    session["visits"] = session.get_as("visits", int, default=0) + 1
    page = PAGE.format(
        flashes=escape(" ".join(flash.message for flash in session.flashes())),
        user=escape(session.get_as("user", str, default="stranger")),
        visits=session["visits"],
    )
    return Response(page)


def login(request: Request) -> Response:
    session = session_of(request)
    session.renew_token()  # a token known before the login must be worth nothing after it
    session["user"] = request.POST["name"]
    session.flash(f"Welcome, {session['user']}.")
    return HTTPSeeOther("/")


def logout(request: Request) -> Response:
    session_of(request).destroy()
    return HTTPSeeOther("/")


def create_app(store: ChaiStore) -> SessionMiddleware:
    """Return the application; its sessions are in ``store``."""
    with Configurator() as config:
        for name, path, view, method in (
            ("index", "/", index, "GET"),
            ("login", "/login", login, "POST"),
            ("logout", "/logout", logout, "POST"),
        ):
            config.add_route(name, path)
            config.add_view(view, route_name=name, request_method=method)
        return SessionMiddleware(config.make_wsgi_app(), store)


def session_of(request: Request) -> Session:
    """Return the session of the request under way."""
    session: Session = request.environ["chaisession.session"]
    return session


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 4000, create_app(ChaiStore("chai_db"))) as server:
        print("Visit http://127.0.0.1:4000/")
        server.serve_forever()
