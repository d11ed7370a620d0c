"""What starts steps, and keeps runs whole and cheap."""
