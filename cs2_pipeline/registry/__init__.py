"""MLflow: log, register, alias, promote, roll back, load. The only package that imports mlflow."""
