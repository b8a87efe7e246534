"""blinatumomab-cds: a CDS Hooks service that answers an order for blinatumomab with cited guidance."""

__version__ = "0.1.0"
