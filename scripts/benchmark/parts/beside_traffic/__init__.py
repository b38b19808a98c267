"""What a rotation and the traffic beside it do to each other."""
