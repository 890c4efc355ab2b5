"""Reads `quantd.yaml` and `pipelines/*.yaml`, and checks them as a whole before anything starts."""
