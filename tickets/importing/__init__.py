"""The import of tickets from a CSV file, and nothing that another command uses.

One pass, constant memory, safe to kill and to repeat. A reference names one ticket. So a repeated
import needs no bookmark: the stored references say what is done, even if the file was corrected,
sorted or split.
"""
