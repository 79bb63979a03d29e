"""The same networks in integers, which give the same bits everywhere, and what runs them."""
