"""Stage 4: rules are judged on points, and each change of a rule's state goes to sinks."""
