"""What a file is: header, level table, sections. Knows no picture and no network; FORMAT.md specifies it."""
