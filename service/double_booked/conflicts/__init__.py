"""What a conflict is, and the fast ways to find one; independent of server and cluster."""
