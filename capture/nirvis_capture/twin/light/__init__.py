"""Light, filters, materials and colour sensors as spectra from 400 to 1000 nm."""
