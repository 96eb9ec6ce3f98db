"""Programs that show wsgi-chaisession at work; the test suite drives every one of them."""
