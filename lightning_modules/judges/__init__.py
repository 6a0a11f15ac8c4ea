"""Frozen models that only measure, beside the dual encoder of `lightning_modules.judge`; found by class path."""
