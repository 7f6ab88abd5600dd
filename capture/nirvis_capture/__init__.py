"""Two synchronised cameras: drive, pair, record, prove."""
