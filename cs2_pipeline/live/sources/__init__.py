"""Where live events come from besides those who send them as such: recorded matches, server logs, state integration."""
