"""The page of a report: markup, charts and sections."""
