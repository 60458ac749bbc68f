"""The prediction service: HTTP in, prediction out. Imports the game and the registry only."""
