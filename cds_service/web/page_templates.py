"""The templates of our pages, read once at start-up. Every value put in is escaped."""

from __future__ import annotations

from importlib import resources

import jinja2


def page_templates() -> jinja2.Environment:
    """All pages of the folder `pages`, by file name; a name that a template is not given stops it."""
    folder = resources.files("cds_service.web") / "pages"
    texts = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".html")}
    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader(texts),
        trim_blocks=True,
        lstrip_blocks=True,
    )
