"""The board in a browser and the HTTP API: an application of Starlette that uvicorn serves inside the gateway's loop.

Read `server`, then `app`, which puts the pages together, and `desk`, what they work with. Every other module is one family of
pages and exports `routes(desk)`. Nothing here is imported while `web.listen` is not set.
"""
