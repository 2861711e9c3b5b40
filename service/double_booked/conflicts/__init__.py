"""What a conflict is, and how to find it fast; knows no server and no cluster."""
