"""What only an encoder decides: latents, symbols, effort, tune, rate. No decoder depends on it."""
