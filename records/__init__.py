"""The ground floor: what the engine and the leaderboard both read and write. Free of torch, imports nothing above."""
