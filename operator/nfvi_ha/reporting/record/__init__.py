"""Incidents as API objects: read and judged, sealed and written, with what became of each notification."""
