"""HTTP: Flask lives here and in `app.py`, nowhere else. Parses once, asks the spine, answers JSON; judges nothing."""
