"""The read-only HTTP API below /api/v1.

Read `endpoint` (an endpoint as a value), then `places`, `devices` and `stays` (the endpoints; `web/exports` has more), and
`exchange` (from a request to its answer). `tools/openapi_document.py` describes the same values for programs.
"""
