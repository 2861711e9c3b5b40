"""The Kubernetes operator: it rejects double bookings, and reports them in statuses."""
