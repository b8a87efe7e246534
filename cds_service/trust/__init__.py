"""Who may call: registered clients, their keys, and the rules a token has to pass. Knows no Flask and no FHIR.

Nothing here lets a token, or a claim of one that is not verified, into a log, a repr or an error that a caller sees.
"""
