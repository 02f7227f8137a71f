"""What the clients of other services send to the compatible routes, read leniently and in one place.

`fields` says as data which of their fields are done under another name, have no effect here, or are refused because
they would change the meaning; `contents` reads texts and images in every form; `requests` are the bodies after that.
"""
