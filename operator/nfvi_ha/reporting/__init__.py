"""Notifications to the VIM: the model, its signature, its delivery, and a receiver to test against."""
