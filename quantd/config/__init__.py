"""What `quantd.yaml` and `pipelines/*.yaml` say, checked as a whole before anything starts."""
