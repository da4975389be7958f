"""Makes a graph something to look at: what each card says, how large that is, and where everything stands."""
