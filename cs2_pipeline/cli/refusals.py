"""What the gateway says when it refuses a request, in one line for the terminal."""

import json


def told(status: int, body: str | bytes) -> str:
    """Every wrong field, else title and detail of the problem; where the body is none, the status."""
    try:
        problem = json.loads(body)
        wrong = "; ".join(f"{one['field']} {one['message']}" for one in problem.get("errors", ()))
        return wrong or f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the gateway answers {status}"
