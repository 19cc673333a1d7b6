"""The way out: from a due row to its confirmed publication. Read `loop`, then `pages`, `marker` and `picture`.

`alerts` is the way of notices to webhooks and by e-mail.
"""
