"""A VIM's receiver to test against: verifies, keeps and shows notifications, and misbehaves on demand."""
