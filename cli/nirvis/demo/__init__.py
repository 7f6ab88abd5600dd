"""The whole way in one command: record, verify, register, split, train, evaluate, export, colorize, report."""
