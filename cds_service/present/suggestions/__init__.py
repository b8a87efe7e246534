"""The buttons of the cards: what the assessment document offers, written as FHIR R4 resources. Decides nothing.

`words` reads the button texts, once; `draft` writes a changed dose into the caller's own order; `medication` and
`services` make new orders; `maker` puts them together for one document.
"""

from cds_service.present.suggestions.maker import Maker, Orders, load_maker

__all__ = ["Maker", "Orders", "load_maker"]
