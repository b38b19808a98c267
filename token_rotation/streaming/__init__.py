"""CSV reports whose query may run for minutes, over HTTP. ``response.stream_csv`` is the way in."""
