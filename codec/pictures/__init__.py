"""Pictures in and out: files, Pillow images, arrays."""
