"""Where bytes come from: one file per transport, for `store.ingest`. Sources deliver bytes and facts, no events."""
