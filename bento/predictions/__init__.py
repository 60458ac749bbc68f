"""The prediction service: HTTP in, prediction out. Imports the game, the artifacts and the registry only.

`service` declares it to BentoML and `__main__` runs it in one process. `http` answers requests: `app` -> `requests`
(validation) -> `champions.predictors` (features, model) -> `answers` (JSON). `champions` decides which version answers.
`in_process` answers callers in the same process; `prediction_log` keeps what was answered.
"""
