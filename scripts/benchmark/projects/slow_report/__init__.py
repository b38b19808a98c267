"""The site with a report that is slow on purpose."""

APPLICATION_NAME = "slow report"
"""Of the report's session in pg_stat_activity."""
