"""The web console: pages over the same service functions as the API.

`pages.py` has `@page`, the sibling of `@endpoint`: a typed view that answers with a template. Who
calls is known by a cookie (`cookies.py`, `visits.py`), forms carry a token of that session
(`forms.py`), `layout.py` renders, `sections.py` is what the navigation and Início are made of.
Each product's pages lie beside its routes, in `pages.py` and `pages_*.py`, their templates in its
`templates` folder. Everything works without JavaScript.
"""
