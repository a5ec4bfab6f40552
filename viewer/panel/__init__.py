"""The sessions panel, a page of the window: how threads resume, storage, threads, triggers, audit log."""
