"""Files that players upload: which kinds there are, where they wait, and how they are read.

The gateway needs `inbox` and `kinds`; `reading` is the pipeline's, and reads each file in a process of its own.
"""
