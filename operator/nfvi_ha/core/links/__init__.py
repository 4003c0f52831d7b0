"""Links, bonds and storage paths: what their carriers, bonds and probes say is broken (M6). Pure."""
