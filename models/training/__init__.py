"""From pictures to a weights file: data, objectives, training, export. Needs torch."""
