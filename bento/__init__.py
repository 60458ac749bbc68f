"""The services that are asked over HTTP, a package each.

`predictions` answers for states and players at hand, `gateway` everything else; `http` holds what both need for it.
"""
