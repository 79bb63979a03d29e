"""Do exact representations help a VAE? The paper's models on small pictures, at equal training."""
