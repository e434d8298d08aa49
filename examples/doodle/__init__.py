"""How the bundled text-to-image pipeline is made from nothing, on composed scenes of flat emoji drawings."""
