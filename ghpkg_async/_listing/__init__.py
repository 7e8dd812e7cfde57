"""One listing: its pages in order, fetched ahead, read again until it is proven complete."""
