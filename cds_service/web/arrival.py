"""What the server tells the app of a request: since when it has waited, and whether its caller still does. Names only.

A server that does not tell (Flask's test client) is one where nothing waits and nobody leaves.
"""

from __future__ import annotations

SINCE = "blinatumomab_cds.since"
"""In the WSGI environment: `time.perf_counter()` at which the request was there as a whole."""
HAS_LEFT = "blinatumomab_cds.has_left"
"""There too: a function without arguments; True where the caller has closed the connection, or its sending side."""
