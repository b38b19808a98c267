"""The import of tickets from a CSV file.

Nothing that another command uses is here. It makes one pass in constant memory, and is safe to kill
and to repeat. A reference names one ticket. So a repeated import needs no bookmark. The stored
references say what is done, even if the file was corrected, sorted or split.
"""
