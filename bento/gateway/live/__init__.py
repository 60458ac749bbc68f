"""The live feed over HTTP: events in, matches, prices and streams out. What it does is in `cs2_pipeline.live`."""
