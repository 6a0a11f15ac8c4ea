"""Where weights come from, how they are read and what their cards say."""
