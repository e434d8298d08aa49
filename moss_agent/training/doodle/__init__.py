"""Training of the small text-to-image pipeline from nothing, on composed scenes of flat emoji drawings."""
