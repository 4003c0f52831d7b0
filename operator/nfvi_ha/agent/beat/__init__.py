"""The beat process: one loop, no threads, standard library only, at most 20 MB (issue: nothing may delay a beat)."""
