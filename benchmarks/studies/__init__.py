"""One file a question; each answers it with a result file."""
