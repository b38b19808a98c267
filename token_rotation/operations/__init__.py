"""Records of bulk and background operations. A reusable Django app; knows nothing of tickets.

Needs PostgreSQL, django.contrib.contenttypes, a user model and django-pgtrigger.
"""
