"""The operator: thin kopf handlers, and controllers that gather, decide (in ``core``) and act."""
