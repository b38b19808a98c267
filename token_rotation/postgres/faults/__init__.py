"""What PostgreSQL's errors mean for a rotation, and who is in the way, without any value."""
