"""The scene as two small pictures of many channels, drawn alike in training and on the road."""
