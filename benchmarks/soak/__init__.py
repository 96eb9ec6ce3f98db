"""Hours of session load in minutes: everything that could go wrong, at once, and an audit at the end."""
