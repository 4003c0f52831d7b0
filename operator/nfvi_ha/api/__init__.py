"""The kinds of ``nfvi-ha.io/v1alpha1``, one file each, and the rendering of their CRDs."""
