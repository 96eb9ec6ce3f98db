"""Log in, count visits and flash a message in Django. Run it with: python -m examples.django_app

Django's own session middleware is left out; the session comes from the WSGI environment. A real project
keeps Django's CSRF protection, which by default has a cookie of its own and needs no session.
"""

from html import escape

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path

from examples.page import PAGE
from wsgi_chaisession import ChaiStore, Session, SessionMiddleware


def index(request: HttpRequest) -> HttpResponse:
    session = session_of(request)
    session["visits"] = session.get_as("visits", int, default=0) + 1
    page = PAGE.format(
        flashes=escape(" ".join(flash.message for flash in session.flashes())),
        user=escape(session.get_as("user", str, default="stranger")),
        visits=session["visits"],
    )
    return HttpResponse(page)


def login(request: HttpRequest) -> HttpResponse:
    session = session_of(request)
    session.renew_token()  # a token known before the login must be worth nothing after it
    session["user"] = request.POST["name"]
    session.flash(f"Welcome, {session['user']}.")
    return see_other("/")


def logout(request: HttpRequest) -> HttpResponse:
    session_of(request).destroy()
    return see_other("/")


def see_other(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


urlpatterns = [path("", index), path("login", login), path("logout", logout)]


def create_app(store: ChaiStore) -> SessionMiddleware:
    """Return the application; its sessions are in ``store``."""
    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"], DEBUG=False)
    return SessionMiddleware(get_wsgi_application(), store)


def session_of(request: HttpRequest) -> Session:
    """Return the session of the request under way."""
    session: Session = request.META["chaisession.session"]
    return session


if __name__ == "__main__":
    from wsgiref.simple_server import make_server

    with make_server("127.0.0.1", 4000, create_app(ChaiStore("chai_db"))) as server:
        print("Visit http://127.0.0.1:4000/")
        server.serve_forever()
