"""The software-defined assets, one module per stage: plain functions, made assets at the end of each module."""
