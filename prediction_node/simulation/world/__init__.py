"""The running city: who moves how, and what it shows."""
