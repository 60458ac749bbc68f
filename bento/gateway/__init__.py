"""The gateway: everything that is asked over HTTP and is not a prediction of a state at hand (port 8080).

`service` declares it to BentoML and `__main__` runs it. `app` builds the FastAPI application from `rooms`, one room a
concern; a room is a router and what must run while it is open. `access` says who asks and what for; `http` holds the
conventions that all routes share: problem documents, both spellings, pages, metrics, the OpenAPI document.
"""
