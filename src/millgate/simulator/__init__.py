"""A hospital in a box: a simulated Millennium tenant that is spoken to over HTTP only and knows nothing of the gateway.

`server.run(options)` is the process, `server.serve(options)` the same inside a running event loop, `hospital.Hospital` the seeded
population behind it. Nothing here imports anything else of Millgate.
"""
