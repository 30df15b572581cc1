"""The page's node, and its topics and services."""
