"""What a run is given: checked by the job's form, recorded without secrets, files included."""
