"""What users call, and the one place that ties the rooms; ``selfvae_codec`` hands it on."""
