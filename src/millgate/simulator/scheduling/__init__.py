"""Booking as the tenant does it: what a new appointment must hold, what a patch may change, and who has which slot.

Statuses of refusals, where the sources leave them open: JSON that is none, or not of the right resource type, is 400, as is a reason of
more than 255 characters (reported in a forum); a body or a patch against the rules is 422 with code `business-rule`; a slot that is
not free is 409, since the status table names 409 for a conflict and since adding a video link twice is documented as 409.
"""
