"""What the commands do, a module for each, and what they share."""
