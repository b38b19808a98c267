"""Jobs: work on each item of a collection, slowly, stoppably, on a live system.

A job declares its collection and what to do with an item. The framework resumes, retries, sets
aside what fails, keeps others' transactions within a budget, and shows progress.
"""

from typing import TYPE_CHECKING

from token_rotation._public import public_names

if TYPE_CHECKING:
    from token_rotation.jobs.collection.csv_file import CsvFile
    from token_rotation.jobs.collection.enumerator import Entry, Enumerator
    from token_rotation.jobs.errors import CollectionError, JobError
    from token_rotation.jobs.job import Job
    from token_rotation.jobs.registry import register
    from token_rotation.jobs.run import run_job
    from token_rotation.jobs.state import JobState, SetAside

__all__ = [
    "CollectionError",
    "CsvFile",
    "Entry",
    "Enumerator",
    "Job",
    "JobError",
    "JobState",
    "SetAside",
    "register",
    "run_job",
]

if not TYPE_CHECKING:
    __getattr__ = public_names(
        __name__,
        {
            "CollectionError": "token_rotation.jobs.errors",
            "CsvFile": "token_rotation.jobs.collection.csv_file",
            "Entry": "token_rotation.jobs.collection.enumerator",
            "Enumerator": "token_rotation.jobs.collection.enumerator",
            "Job": "token_rotation.jobs.job",
            "JobError": "token_rotation.jobs.errors",
            "JobState": "token_rotation.jobs.state",
            "SetAside": "token_rotation.jobs.state",
            "register": "token_rotation.jobs.registry",
            "run_job": "token_rotation.jobs.run",
        },
    )
