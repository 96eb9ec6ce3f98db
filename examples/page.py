"""The one page that the examples for Bottle, Django, Falcon and Pyramid show."""

PAGE = """<!doctype html><title>Visits</title>
<p>{flashes}</p>
<p>Hello {user}, this is visit {visits}.</p>
<form method="post" action="/login"><label>Name <input name="name"></label><button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
"""
