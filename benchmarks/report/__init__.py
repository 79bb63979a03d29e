"""Result files as charts, tables and a page."""
