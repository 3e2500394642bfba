"""What an operator shows when it is done."""
