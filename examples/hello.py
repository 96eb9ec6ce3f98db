"""Keep a message in a session: /put stores it, /get shows it. Run it with: python examples/hello.py"""

from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_chaisession import ChaiStore, SessionMiddleware


def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    session = environ["chaisession.session"]
    status, text = "200 OK", ""
    match environ["PATH_INFO"]:
        case "/put":
            session["message"] = text = "Hello from a session!"
        case "/get":
            text = session.get("message", "")
        case _:
            status = "404 Not Found"
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


# The directory is made, and its database server started, when the first session is saved.
application = SessionMiddleware(app, ChaiStore("chai_db"))

if __name__ == "__main__":
    with make_server("127.0.0.1", 4000, application) as server:
        print("Visit http://127.0.0.1:4000/put, then http://127.0.0.1:4000/get")
        server.serve_forever()
