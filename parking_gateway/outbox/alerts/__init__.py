"""Alerts: notices that go to webhooks and by e-mail. Read `delivery`, then `webhook` and `mail`, the two kinds of recipients."""
