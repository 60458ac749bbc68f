"""The pages: what people look at, served by the gateway at ``/``.

Templates are rendered here over the functions that the public API has, so a page never knows more than the API. `site`
holds what all pages share: the templates' environment, the security headers, the static files. A module a page, or a
few that belong together; a template and, where something moves, a script of the same name. Nothing is ever asked of
another host: the charting library comes out of its own wheel.
"""
