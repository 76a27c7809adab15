"""Music by a sampled model: a plan's words in, sound out. Torch and transformers are imported when weights are loaded,
and by nothing before, so that a procedural Triton does without them."""
