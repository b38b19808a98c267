"""What runs inside the packages' projects: a folder for each case, and what they share.

A folder has ``case.toml``, ``urls.py``, ``models.py`` (the declaration), ``visitor.py``, and
``before.py`` where the project had a model of its own before.
"""
