"""Lenient parsing of what clients of other services send to the compatible routes.

`fields` declares which of their fields are supported under another name, have no effect here, or are refused because
they would change the meaning; `contents` reads texts and images in every form; `requests` are the bodies after that.
"""
