"""What do damaged files do, by whatever way they come in?"""
