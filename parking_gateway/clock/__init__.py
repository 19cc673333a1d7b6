"""What time alone brings about. Read `rounds`."""
