"""Commands that show robots on the web page."""
