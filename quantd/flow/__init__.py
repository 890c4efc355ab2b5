"""The data flow, in order: ingest, bars, pairs, alerts, record, exports. The stages meet only in pipeline.py."""
