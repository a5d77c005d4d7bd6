"""What commands do with data keys and key stores."""
