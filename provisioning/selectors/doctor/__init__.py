"""What keeps a run or a request from its end, and who can do something about it."""
