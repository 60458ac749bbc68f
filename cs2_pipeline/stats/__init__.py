"""Mathematics that knows no table: intervals, metrics, paired comparison, tests by betting."""
