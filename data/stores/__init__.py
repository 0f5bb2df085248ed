"""Photos, masks and patches in object stores: addresses, their mirrors, and what moves bytes."""
