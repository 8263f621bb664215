"""Rings of the request pipeline that are ours: they find out who asks. `auth_token` chooses by `auth_strategy`."""
