"""The data flow, in order: ingest, bars, pairs, alerts, record, exports. The stages meet only in feed.py and publish.py."""
