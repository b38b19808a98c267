"""An app with action groups for tests, and the settings of workers that run them."""
