"""What keeps runs whole and cheap: the processes that steps are started from."""
