"""What fires on a table: the guard, triggers and rules of others, and sessions that escape them.

On the table, its children and its partitions. Writes nothing but a trial, which is rolled back.
"""
