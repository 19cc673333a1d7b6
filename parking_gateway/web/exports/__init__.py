"""Exports that others pull, as endpoints of the API: NGSI-LD, DATEX II, ParkAPI and CDS. `contract/exports` has their forms."""
