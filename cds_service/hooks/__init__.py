"""The CDS Hooks standard as types: services, calls, prefetch values, feedback, and their JSON Schemas.

Pure: no Flask, no clock, no FHIR reading beyond what the standard itself names (Bundle entries, references).
"""
