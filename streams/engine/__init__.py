"""Everything that imports Faust: the app, its consumer, its tables and their stores."""
