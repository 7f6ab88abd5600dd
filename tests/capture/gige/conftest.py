"""These tests are collected inside a network namespace only; test_capture_gige takes them there."""

from __future__ import annotations

from gige.cameras import in_namespace

collect_ignore_glob = [] if in_namespace() else ["test_*.py"]
