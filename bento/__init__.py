"""The prediction service: HTTP in, prediction out. Imports the game and the registry only.

Request to answer: `service` (BentoML) -> `app` (HTTP) -> `requests` (validation) -> `predictors` (features, model)
-> `answers` (JSON). Beside that path: `champions` and `follower` (which version is served), `problems`, `metrics`,
`access`, `openapi`, `prediction_log`, `status`, `connections`. `__main__` runs the service in one process; `inside`
answers callers in the same process.
"""
