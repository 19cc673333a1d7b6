"""The way out: from a row whose version is not the published one to the retained message. Read `loop`, then `pages`."""
