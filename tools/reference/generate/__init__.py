"""Makes the reference values and checks them; see ../README.md."""
