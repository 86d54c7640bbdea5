"""Parts of scripts/peers.py: the comparison with other CPU libraries."""
