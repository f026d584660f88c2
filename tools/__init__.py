"""What sets the repository up and keeps its locks; never installed. Standard library only."""
