"""What the service and the operator both need; knows neither of them."""
