"""The self-supervised VAE: representations, networks, exact inference, training."""
