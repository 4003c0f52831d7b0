"""Keys of beats: made once by the leader, handed to each agent for its own node only (DESIGN section 5, Keys)."""
