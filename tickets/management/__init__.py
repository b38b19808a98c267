"""The site's commands, and what they alone use; no view imports it."""
