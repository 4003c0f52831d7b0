"""The link probe (M6): carriers, bonds, and storage paths probed end to end."""
