"""Make sdists and wheels of both distributions for every platform, check and install them: `make wheels`."""
