"""Modules that the service and the operator share; they depend on neither."""
