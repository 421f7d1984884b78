"""The users of this site who sign in with WorkOS AuthKit."""
