"""The rotation's loop: ranges, batches, retries, waits.

It prints nothing and reads no settings.
"""
