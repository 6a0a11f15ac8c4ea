"""The leaderboard: statistics, tables and curves made from result files alone, without torch."""
