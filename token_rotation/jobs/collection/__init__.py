"""The items of a job, batch by batch: of a queryset, a CSV file, or an enumerator of one's own."""
