"""Users, roles and tokens.

Glossary: a *usuario* signs in with *login* and *senha* and has one *papel* (role). A *family*
is the chain of refresh tokens that one sign-in grew: each may be used once, and one that is
used again later means that it was stolen, so the whole family ends.
"""
