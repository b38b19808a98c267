"""Import tickets from a CSV file: one pass, constant memory, safe to kill and to repeat.

A ticket is known by its reference, which exists once. So a repeated import needs no bookmark: what
is stored says what is done, also after the file was corrected, sorted or split.
"""
