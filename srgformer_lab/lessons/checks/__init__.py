"""The checks of the exercises, a module for each lesson: ``check_<exercise>(answer) -> Verdict``."""
