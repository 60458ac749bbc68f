"""The demo database: its tables, connections and reads, and everything that fills one.

Nothing outside this package imports sqlalchemy or a database driver.
"""
